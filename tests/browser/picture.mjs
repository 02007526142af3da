// Pictures that are small enough for a repository: PNG with a palette of 256 colours, chosen by median cut.

import { deflateSync, inflateSync } from 'node:zlib';

const SIGNATURE = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
const CRC = Array.from({ length: 256 }, (_, n) => Array.from({ length: 8 }).reduce(c => (c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1), n) >>> 0);
const crc = bytes => (bytes.reduce((c, byte) => CRC[(c ^ byte) & 255] ^ (c >>> 8), 0xffffffff) ^ 0xffffffff) >>> 0;

/** The same picture with at most 256 colours. `png` is 8 bits of RGB or RGBA without interlace, as Chromium writes it. */
export function withPalette(png) {
  const { width, height, pixels } = decode(png);
  const counts = new Map();
  for (const colour of pixels) counts.set(colour, (counts.get(colour) ?? 0) + 1);
  const palette = cut([...counts], 256).map(mean);
  const nearest = new Map([...counts.keys()].map(colour => [colour, closest(palette, colour)]));
  const rows = Buffer.alloc((width + 1) * height);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) rows[y * (width + 1) + 1 + x] = nearest.get(pixels[y * width + x]);
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 3, 0, 0, 0], 8);
  return Buffer.concat([
    SIGNATURE, chunk('IHDR', head), chunk('PLTE', Buffer.from(palette.flat())), chunk('IDAT', deflateSync(rows, { level: 9, memLevel: 9 })), chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(name, data) {
  const body = Buffer.concat([Buffer.from(name, 'latin1'), data]);
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  check.writeUInt32BE(crc(body));
  return Buffer.concat([length, body, check]);
}

/** Colours of all pixels as 0xRRGGBB. */
function decode(png) {
  const data = [];
  let [width, height, channels] = [0, 0, 0];
  for (let at = 8; at < png.length; ) {
    const length = png.readUInt32BE(at);
    const name = png.toString('latin1', at + 4, at + 8);
    const body = png.subarray(at + 8, at + 8 + length);
    if (name === 'IHDR') [width, height, channels] = [body.readUInt32BE(0), body.readUInt32BE(4), body[9] === 6 ? 4 : 3];
    if (name === 'IDAT') data.push(body);
    at += length + 12;
  }
  const raw = inflateSync(Buffer.concat(data));
  const stride = width * channels;
  const pixels = new Uint32Array(width * height);
  let above = Buffer.alloc(stride);
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (stride + 1)];
    const row = Buffer.from(raw.subarray(y * (stride + 1) + 1, (y + 1) * (stride + 1)));
    for (let x = 0; x < stride; x++) {
      const left = x < channels ? 0 : row[x - channels];
      const up = above[x];
      const corner = x < channels ? 0 : above[x - channels];
      row[x] += [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter];
    }
    for (let x = 0; x < width; x++) pixels[y * width + x] = (row[x * channels] << 16) | (row[x * channels + 1] << 8) | row[x * channels + 2];
    above = row;
  }
  return { width, height, pixels };
}

function paeth(left, up, corner) {
  const guess = left + up - corner;
  const [a, b, c] = [Math.abs(guess - left), Math.abs(guess - up), Math.abs(guess - corner)];
  return a <= b && a <= c ? left : b <= c ? up : corner;
}

const parts = colour => [colour >> 16, (colour >> 8) & 255, colour & 255];

/** Boxes of colours: the one with the widest spread is halved until there are enough. */
function cut(colours, most) {
  const boxed = list => {
    const spans = [0, 1, 2].map(axis => {
      const values = list.map(([colour]) => parts(colour)[axis]);
      return values.reduce((max, v) => Math.max(max, v), 0) - values.reduce((min, v) => Math.min(min, v), 255);
    });
    const axis = spans.indexOf(Math.max(...spans));
    const weight = list.reduce((sum, [, count]) => sum + count, 0);
    return { list, axis, rank: spans[axis] * Math.sqrt(weight) };
  };
  const boxes = [boxed(colours)];
  while (boxes.length < most) {
    const widest = boxes.reduce((best, box) => (box.list.length > 1 && box.rank > (best?.rank ?? 0) ? box : best), null);
    if (!widest) break;
    const list = widest.list.sort(([a], [b]) => parts(a)[widest.axis] - parts(b)[widest.axis]);
    const half = list.reduce((sum, [, count]) => sum + count, 0) / 2;
    let [seen, at] = [0, 0];
    while (at < list.length - 1 && seen + list[at][1] <= half) seen += list[at++][1];
    at = Math.min(Math.max(at, 1), list.length - 1);
    boxes.splice(boxes.indexOf(widest), 1, boxed(list.slice(0, at)), boxed(list.slice(at)));
  }
  return boxes.map(({ list }) => list);
}

function mean(list) {
  const weight = list.reduce((sum, [, count]) => sum + count, 0);
  return [0, 1, 2].map(axis => Math.round(list.reduce((sum, [colour, count]) => sum + parts(colour)[axis] * count, 0) / weight));
}

function closest(palette, colour) {
  const [r, g, b] = parts(colour);
  let [best, least] = [0, Infinity];
  palette.forEach(([x, y, z], index) => {
    const distance = (r - x) ** 2 + (g - y) ** 2 + (b - z) ** 2;
    if (distance < least) [best, least] = [index, distance];
  });
  return best;
}

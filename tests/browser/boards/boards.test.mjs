// Every board drawn with Grafana's own components in Chromium, from what a real Prometheus answered to its queries.
//
//   node --test boards.test.mjs      BOARDS is the folder of the boards, CAPTURES that of the answers, DRAWING that of the bundle,
//                                    PICTURES where the pictures go

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, extname, join } from 'node:path';
import { launch, serve, watched } from './browser.mjs';
import { withPalette } from './picture.mjs';

const { BOARDS, CAPTURES, DRAWING, PICTURES } = process.env;
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.json': 'application/json', '.svg': 'image/svg+xml', '.woff2': 'font/woff2' };
const UNITS = { percentunit: /%/, s: /\d\s?(ms|s|min|mins|hour|hours|day|days|week|weeks)\b|\d+:\d\d/, bytes: /[KMGk]?i?B\b/ };

// Panels of one moment that have nothing to show in the two weeks of the test, and why that is right.
const BLANK = {
  'wolkvox-wallboard': { 'They give up after': 'nobody gave up in the last half hour: it is 0 % of 28 calls' },
  'wolkvox-callbacks': {
    'Reached': 'fewer than 10 callbacks were tried to the end on the last day: it is 6',
    'Within 30 minutes': 'fewer than 10 customers were reached on the last day',
    'Attempts per customer reached': 'fewer than 10 customers were reached on the last day',
  },
};

const home = name => dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
/** What Grafana's server has and its components ask for: icons and fonts. */
const ASSETS = [
  [/\/(img\/icons\/.*)/, name => join(home('@grafana/ui'), 'dist/public', name)],
  [/\/(Inter-\w+)\.woff2/, name => join(home('@fontsource/inter'), 'files', `inter-latin-${{ 'Inter-Regular': '400-normal', 'Inter-Medium': '500-normal', 'Inter-Italic': '400-italic' }[name]}.woff2`)],
  [/\/fonts\/(roboto)\//, () => join(home('@fontsource/roboto-mono'), 'files/roboto-mono-latin-400-normal.woff2')],
];

let browser, served, at;
const missing = [];

before(async () => {
  browser = await launch();
  served = await serve((url, response) => {
    const own = { '/board.json': join(BOARDS, `${at}.json`), '/capture.json': join(CAPTURES, `${at}.json`), '/': join(DRAWING, 'index.html') };
    const asset = ASSETS.map(([pattern, place]) => [url.pathname.match(pattern), place]).find(([match]) => match);
    const path = own[url.pathname] ?? (asset ? asset[1](asset[0][1]) : join(DRAWING, url.pathname));
    try {
      const body = readFileSync(path);
      response.setHeader('content-type', TYPES[extname(path)] ?? 'application/octet-stream').end(body);
    } catch {
      missing.push(url.pathname);
      response.writeHead(404).end();
    }
  });
});

after(() => Promise.all([browser?.close(), served?.close()]));

for (const file of readdirSync(BOARDS).filter(name => name.endsWith('.json'))) {
  const board = JSON.parse(readFileSync(join(BOARDS, file)));
  test(`${board.title} is drawn whole`, async () => {
    at = file.replace('.json', '');
    const capture = JSON.parse(readFileSync(join(CAPTURES, file)));
    const page = await watched(browser, served.home, { viewport: { width: 1600, height: 900 } });
    // What happened so long ago did so before the answers, not before today.
    await page.clock.setFixedTime(capture.to);
    await page.goto(`${served.home}/`);
    const panels = board.panels.filter(({ type }) => type !== 'row');
    await page.waitForFunction(count => window.drawn?.size === count, panels.length, { timeout: 60_000 });
    // Two frames for what is measured before it is drawn, and the fonts.
    await page.evaluate(() => document.fonts.ready.then(() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 200))))));
    const { height } = await page.locator('#root > div').last().boundingBox();
    await page.setViewportSize({ width: 1600, height: Math.ceil(height) });
    if (PICTURES) {
      mkdirSync(PICTURES, { recursive: true });
      writeFileSync(join(PICTURES, `${at}.png`), withPalette(await page.screenshot()));
    }
    const faults = [];
    for (const panel of panels) {
      const drawn = await page.locator(`[data-panel="${panel.id}"]`).evaluate(look);
      const name = `${panel.id} ${JSON.stringify(panel.title)}`;
      const say = fault => faults.push(`${name} (${panel.type}): ${fault}`);
      const answers = Object.values(capture.panels[panel.id] ?? {});
      const expects = answers.some(({ answer }) => finite(answer));
      const { noValue, unit } = panel.fieldConfig?.defaults ?? {};
      if (/\bNo data\b/.test(drawn.text)) say('"No data" in place of its own words');
      if (panel.type !== 'text' && answers.length === 0) say('its queries were never asked');
      if (panel.type !== 'text' && !expects && !(BLANK[at] ?? {})[panel.title]) say('there is nothing to draw, and no reason for that is known');
      if (!expects && noValue && panel.type !== 'text' && !drawn.text.includes(noValue)) say(`it has nothing and does not say ${JSON.stringify(noValue)} but ${JSON.stringify(drawn.text)}`);
      if (panel.type === 'timeseries' && expects && !drawn.inked) say('nothing is drawn on its canvas');
      if (panel.type === 'table' && expects && drawn.rows < 2) say('no rows');
      if (['stat', 'text', 'bargauge'].includes(panel.type) && !drawn.text.replace(panel.title, '').trim()) say('it is empty');
      if (['stat', 'bargauge'].includes(panel.type) && expects && panel.options.textMode !== 'name' && UNITS[unit] && !panel.fieldConfig.overrides.some(({ properties }) => properties.some(({ id }) => id === 'unit'))) {
        const mapped = panel.fieldConfig.defaults.mappings.length > 0;
        if (!mapped && !UNITS[unit].test(drawn.text)) say(`no unit ${unit} in ${JSON.stringify(drawn.text)}`);
      }
      if (/\$\{?\w|undefined|NaN|\[object/.test(drawn.text)) say(`something is not filled in: ${JSON.stringify(drawn.text.match(/.{0,30}(\$\{?\w|undefined|NaN|\[object).{0,30}/)[0])}`);
      drawn.cut.forEach(text => say(`cut: ${text}`));
    }
    // Grafana says this of itself whenever its menus are not set up.
    const wrongs = page.wrongs.filter(wrong => !wrong.includes('t() was called before i18n was initialized'));
    assert.deepEqual([...wrongs, ...missing.splice(0), ...faults], []);
    await page.context().close();
  });
}

const finite = ({ resultType, result }) =>
  resultType === 'scalar' ? Number.isFinite(Number(result[1])) : result.some(({ value, values }) => (values ?? [value]).some(([, text]) => Number.isFinite(Number(text))));

/** In the page: what a panel shows. */
function look(panel) {
  const cut = [];
  for (const element of panel.querySelectorAll('h2, h6, span, div, button, td, th')) {
    const own = [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());
    if (!own || element.closest('.markdown-html')) continue;
    const style = getComputedStyle(element);
    // Whatever cuts it: itself, or something around it.
    let clip = element;
    while (clip !== panel && !/hidden|clip/.test(getComputedStyle(clip).overflowX)) clip = clip.parentElement;
    if (clip !== panel && clip.scrollWidth > clip.clientWidth + 1) cut.push(element.textContent.trim());
    // Text that stands at the right of its cell is cut at the left, which no width tells; and a clamped line tells its height.
    const words = document.createRange();
    words.selectNodeContents(element);
    const written = words.getBoundingClientRect(), room = clip.getBoundingClientRect();
    if (clip !== panel && written.width && (written.left < room.left - 1 || written.right > room.right + 1)) cut.push(element.textContent.trim());
    if (style.webkitLineClamp !== 'none' && element.scrollHeight > element.clientHeight + 1) cut.push(element.textContent.trim());
    const box = element.getBoundingClientRect(), around = panel.getBoundingClientRect();
    const head = panel.querySelector('[data-testid$="header-container"]')?.getBoundingClientRect();
    const isTitle = element.closest('[data-testid$="header-container"]');
    if (box.width && /^(stat|bargauge)$/.test(panel.dataset.type) && (box.bottom > around.bottom + 1 || (!isTitle && head && box.top < head.bottom - 4))) cut.push(`${element.textContent.trim()} (above or below)`);
    if (box.width && (box.right > around.right + 1 || box.left < around.left - 1) && !panel.querySelector('[role=grid], [role=table]')) cut.push(`${element.textContent.trim()} (outside)`);
  }
  let inked = false;
  for (const canvas of panel.querySelectorAll('canvas')) {
    const { width, height } = canvas;
    const data = canvas.getContext('2d').getImageData(0, 0, width, height).data;
    // Grey and transparent are grid and axes.
    for (let i = 0; i < data.length && !inked; i += 4) inked = data[i + 3] > 40 && Math.max(data[i], data[i + 1], data[i + 2]) - Math.min(data[i], data[i + 1], data[i + 2]) > 40;
  }
  return { text: panel.innerText.replaceAll('\u00a0', ' '), rows: panel.querySelectorAll('[role=row]').length, inked, cut: [...new Set(cut)] };
}

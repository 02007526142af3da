// The status page in Chromium: every state of it, drawn by the program into files, and the program itself at work.
//
//   node --test page.test.mjs          EXPORTER is the program, PAGES the folder of the states, PICTURES that of the pictures

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRequire } from 'node:module';
import { folder, launch, serve, start, until, watched } from './browser.mjs';
import { withPalette } from './picture.mjs';

const { EXPORTER, PAGES, PICTURES } = process.env;
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const SIZES = [[320, 640], [360, 740], [768, 1024], [1280, 800], [1920, 1080]];
const STATES = readdirSync(PAGES).map(file => file.replace('.html', '')).sort();
const IN_TROUBLE = ['trouble', 'two', 'many', 'all_failed'];

let browser, states, policy, shown, demo, home;

/** Rules of WCAG 2.1 A and AA that a page breaks, and axe's own good practice. */
async function violations(page) {
  // Run through the debugger's interface, so that the page's policy on scripts stays in force for the page itself.
  await page.evaluate(axe);
  const found = await page.evaluate(() =>
    window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'], resultTypes: ['violations'] }));
  return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map(node => `${node.html.slice(0, 120)} ${node.failureSummary}`).join(' | ').slice(0, 600)}`);
}

/** What sticks out to the right of the window, or is cut. */
const overflow = page =>
  page.evaluate(() => {
    const wide = document.documentElement.scrollWidth > innerWidth ? ['the page scrolls sideways'] : [];
    for (const element of document.querySelectorAll('main *, header *, footer *')) {
      const { right, width } = element.getBoundingClientRect();
      const hidden = element.closest('thead, .hidden, .skip, details:not([open]) > :not(summary)');
      if (!hidden && width > 1 && right > innerWidth + 0.5) wide.push(element.outerHTML.slice(0, 100));
    }
    return wide;
  });

const inFirstViewport = (page, selector) =>
  page.locator(selector).first().evaluate(element => {
    const { top, bottom } = element.getBoundingClientRect();
    return top >= 0 && bottom <= innerHeight;
  });

before(async () => {
  [browser, demo] = await Promise.all([
    launch(),
    start(EXPORTER, ['demo', '--speed=1', '--web.listen-address=127.0.0.1:0'], /msg=listening address=(\S+)/),
  ]);
  home = `http://${demo.found[1]}`;
  // The states are shown under the very headers of the program.
  policy = (await fetch(home)).headers.get('content-security-policy');
  shown = {};
  states = await serve((url, response) => {
    const body = shown[url.pathname]?.() ?? readFileSync(join(PAGES, `${url.pathname.slice(1)}.html`), 'utf8');
    response.setHeader('content-type', 'text/html; charset=utf-8').setHeader('content-security-policy', policy).end(body);
  });
});

after(async () => {
  await Promise.all([browser?.close(), demo?.end(), states?.close()]);
});

describe('every state', () => {
  for (const state of STATES) {
    test(`${state} can be read by everybody, at every size`, async () => {
      for (const colorScheme of ['light', 'dark']) {
        const page = await watched(browser, states.home, { colorScheme, viewport: { width: 1280, height: 800 } });
        await page.goto(`${states.home}/${state}`);
        // Contrast differs by scheme and structure by width: three of the four say all that four would.
        for (const width of colorScheme === 'light' ? [1280, 360] : [1280]) {
          if (width === 360 && ['many', 'crowded'].includes(state)) continue;
          await page.setViewportSize({ width, height: 800 });
          assert.deepEqual(await violations(page), [], `${state} ${colorScheme} ${width}`);
        }
        for (const [width, height] of colorScheme === 'light' ? SIZES : []) {
          await page.setViewportSize({ width, height });
          assert.deepEqual(await overflow(page), [], `${state} at ${width}`);
          if (IN_TROUBLE.includes(state)) {
            assert.ok(await inFirstViewport(page, '.trouble .what'), `${state} at ${width}: trouble is out of sight`);
            if (width >= 360) assert.ok(await inFirstViewport(page, '.trouble .advice'), `${state} at ${width}: advice is out of sight`);
          }
        }
        assert.deepEqual(page.wrongs, []);
        await page.context().close();
      }
    });
  }

  test('a ledger that cannot be written is told first, with what to do', async () => {
    const page = await watched(browser, states.home);
    for (const [width, height] of SIZES) {
      await page.setViewportSize({ width, height });
      await page.goto(`${states.home}/ledger`);
      assert.equal(await page.getByRole('status').innerText(), 'The ledger cannot be written: counters stand still');
      assert.ok(await inFirstViewport(page, '#trust .advice'), `at ${width}: advice is out of sight`);
      assert.ok(await inFirstViewport(page, '.note.bad'), `at ${width}: what exactly happened is out of sight`);
    }
    assert.match(await page.locator('#trust .advice').innerText(), /^What to do\s+Free space/);
    assert.match(await page.title(), /^⚠ The ledger cannot be written/);
    await page.context().close();
  });

  test('what is unfolded can be read by everybody too', async () => {
    const page = await watched(browser, states.home, { viewport: { width: 360, height: 740 } });
    for (const state of ['trouble', 'reading']) {
      await page.goto(`${states.home}/${state}`);
      await page.evaluate(() => document.querySelectorAll('details').forEach(details => (details.open = true)));
      assert.deepEqual(await overflow(page), [], state);
      assert.deepEqual(await violations(page), [], state);
      await page.setViewportSize({ width: 1280, height: 800 });
      assert.deepEqual(await overflow(page), [], state);
    }
    await page.context().close();
  });
});

describe('the page follows the exporter', () => {
  test('focus, scroll and what is unfolded stay, and what changed is shown', async () => {
    let state = 'crowded';
    shown['/live'] = () => readFileSync(join(PAGES, `${state}.html`), 'utf8').replaceAll('3,885', answers++ ? '3,999' : '3,885');
    let answers = 0;
    const page = await watched(browser, states.home, { viewport: { width: 1280, height: 500 } });
    await page.clock.install();
    await page.goto(`${states.home}/live`);
    const summary = page.getByText('Readings in detail');
    await summary.click();
    await summary.focus();
    const before = await page.evaluate(() => scrollY);
    assert.ok(before > 200, 'it was scrolled');
    const main = await page.locator('main').elementHandle();
    await page.clock.runFor(15_500);
    await page.getByText('of 3,999 calls').first().waitFor();
    assert.equal(await page.evaluate(() => scrollY), before);
    assert.ok(await summary.evaluate(element => element === document.activeElement && element.parentElement.open));
    assert.ok(await main.evaluate(element => element.isConnected), 'the document stayed');

    state = 'trouble';
    await page.clock.runFor(15_500);
    await page.getByText('Wolkvox refuses the token.').waitFor();
    assert.match(await page.title(), /^⚠ acme: The numbers are not up to date/);
    assert.equal(await page.getByRole('status').innerText(), 'The numbers are not up to date');
    assert.equal(await page.locator('table.skills').count(), 0);
    state = 'reading';
    await page.clock.runFor(15_500);
    await page.getByText('VENTAS').waitFor();
    // What it has become is what a new visitor gets.
    const fresh = await page.evaluate(async () =>
      new DOMParser().parseFromString(await (await fetch(location.href)).text(), 'text/html').getElementById('main').innerHTML);
    const bare = html => html.replaceAll(' open=""', '').replace(/>\s+</g, '><');
    assert.equal(bare(await page.locator('main').innerHTML()), bare(fresh));
    assert.deepEqual(page.wrongs, []);
    await page.context().close();
  });

  test('an exporter that does not answer is told, once, until it answers again', async () => {
    let alive = true;
    shown['/lost'] = () => (alive ? readFileSync(join(PAGES, 'reading.html'), 'utf8') : 'nothing like the page');
    const page = await watched(browser, states.home);
    await page.clock.install();
    await page.goto(`${states.home}/lost`);
    alive = false;
    await page.clock.runFor(15_500);
    const alert = page.getByText('The exporter has not answered since');
    await alert.waitFor();
    assert.ok(await inFirstViewport(page, '#lost'));
    assert.ok(await page.getByText('VENTAS').isVisible(), 'what was known stays');
    assert.deepEqual(await violations(page), []);
    alive = true;
    await page.clock.runFor(15_500);
    await alert.waitFor({ state: 'hidden' });
    await page.context().close();
  });

  test('it can be paused, and hidden pages do not ask', async () => {
    let asked = 0;
    shown['/paused'] = () => (asked++, readFileSync(join(PAGES, 'reading.html'), 'utf8'));
    const page = await watched(browser, states.home);
    await page.clock.install();
    await page.goto(`${states.home}/paused`);
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.clock.runFor(120_000);
    assert.equal(asked, 1);
    assert.match(await page.locator('#updated').innerText(), /^Paused at /);
    await page.getByRole('button', { name: 'Resume' }).click();
    await until('asked again', () => asked === 2);
    await page.context().close();
  });

  test('by keyboard alone, in the order of the eye', async () => {
    const page = await watched(browser, states.home, { viewport: { width: 1280, height: 800 } });
    await page.goto(`${states.home}/trouble`);
    const names = [];
    for (let step = 0; step < 9; step++) {
      await page.keyboard.press('Tab');
      names.push(await page.evaluate(() => document.activeElement.textContent.trim()));
      const seen = await page.evaluate(() => {
        const { width, height } = document.activeElement.getBoundingClientRect();
        return getComputedStyle(document.activeElement).outlineStyle !== 'none' && width > 10 && height > 10;
      });
      assert.ok(seen, `the focus on ${names.at(-1)} cannot be seen`);
    }
    assert.deepEqual(names, [
      'Skip to the numbers', 'Metrics', 'Health', 'Readiness', 'Pause', 'What exactly happened', 'What exactly happened',
      'Readings in detail', 'What these words mean',
    ]);
    await page.keyboard.press('Enter');
    assert.ok(await page.getByText('The automatic menu that greets callers.').isVisible());
    await page.context().close();
  });

  test('without scripts it is whole, refreshes itself, and can be told not to', async () => {
    let asked = 0;
    // Every second instead of every fifteen.
    shown['/plain'] = () => (asked++, readFileSync(join(PAGES, 'reading.html'), 'utf8').replace('content="15"', 'content="1"'));
    const page = await watched(browser, states.home, { javaScriptEnabled: false });
    await page.goto(`${states.home}/plain`);
    for (const text of ['The numbers are up to date', 'VENTAS', 'Callbacks waiting']) assert.ok(await page.getByText(text).first().isVisible(), text);
    assert.equal(await page.getByRole('button').count(), 0, 'a button that needs a script');
    assert.equal(await page.getByRole('link', { name: 'Stop refreshing' }).getAttribute('href'), '?still');
    await until('asked again', () => asked > 1);
    assert.deepEqual(page.wrongs, []);
    await page.context().close();
    // Another window: what refreshes itself goes nowhere else in the middle of it.
    const still = await watched(browser, states.home, { javaScriptEnabled: false });
    await still.goto(`${states.home}/alone`);
    assert.equal(await still.getByRole('link', { name: 'Refresh by itself' }).getAttribute('href'), '?operation=centre%20007');
    assert.equal(await still.locator('meta[http-equiv=refresh]').count(), 0);
    assert.deepEqual(still.wrongs, []);
    await still.context().close();
  });

  test('on paper it is black on white, without what needs a hand', async () => {
    const page = await watched(browser, states.home, { colorScheme: 'dark' });
    await page.emulateMedia({ media: 'print' });
    await page.goto(`${states.home}/reading`);
    assert.equal(await page.getByRole('button').isVisible(), false);
    assert.equal(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), 'rgb(255, 255, 255)');
    const ink = await page.evaluate(() => getComputedStyle(document.querySelector('h1')).color);
    assert.ok(ink.match(/\d+/g).every(part => part < 64), ink);
    await page.context().close();
  });
});

describe('the program', () => {
  test('says on the page what it says in the metrics', async () => {
    const page = await watched(browser, home, { viewport: { width: 1280, height: 800 } });
    await until('up to date', async () => {
      await page.goto(home);
      return (await page.getByRole('status').innerText()) === 'The numbers are up to date';
    });
    // Between two equal answers of the metrics stands the page that belongs to them.
    const [samples, said] = await until('metrics that stand still around a page', async () => {
      const [before, texts, then] = [await metrics(), await texts_of(page), await metrics()];
      const ours = samples => JSON.stringify(samples.filter(([name]) => /today|callbacks\{|callbacks$|token_requests_(limit|today|forecast)/.test(name)));
      return ours(before) === ours(then) && before.some(([name]) => name === 'wolkvox_today_inbound_calls') && [before, texts];
    });
    const sum = (name, labels = {}) =>
      samples.filter(([family, pairs]) => family === name && Object.entries(labels).every(([key, value]) => pairs[key] === value))
        .reduce((all, [, , value]) => all + value, 0);
    const grouped = number => number.toLocaleString('en-US');
    const skills = [...new Set(samples.filter(([name]) => name === 'wolkvox_today_inbound_calls').map(([, pairs]) => pairs.skill_id))].sort();
    assert.ok(skills.length >= 4);
    let [inTime, all, lost] = [0, 0, 0];
    for (const skill_id of skills) {
      const inbound = sum('wolkvox_today_inbound_calls', { skill_id });
      const abandoned = sum('wolkvox_today_abandoned_calls', { skill_id });
      const within = samples.filter(([name, pairs]) => name === 'wolkvox_today_inbound_calls' && pairs.skill_id === skill_id)
        .reduce((calls, [, { dnis }, inbound]) => calls + Math.round(inbound * sum('wolkvox_today_service_level_ratio', { skill_id, dnis, within: '20s' })), 0);
      [inTime, all, lost] = [inTime + within, all + inbound, lost + abandoned];
      const target = samples.find(([name, pairs]) => name === 'wolkvox_service_level_target_ratio' && pairs.skill_id === skill_id)[2];
      const bound = samples.find(([name, pairs]) => name === 'wolkvox_abandon_target_ratio' && pairs.skill_id === skill_id)[2];
      const row = said.skills[skill_id];
      assert.deepEqual(
        row,
        {
          level: `${(Math.floor((1000 * within) / inbound) / 10).toFixed(1)} %`,
          against: `${within / inbound < target ? 'below ' : ''}target ${100 * target} %`,
          abandon: `${(Math.ceil((1000 * abandoned) / inbound) / 10).toFixed(1)} %`,
          bound: `${abandoned / inbound > bound ? 'above ' : ''}target ${100 * bound} %`,
          calls: [inbound, sum('wolkvox_today_answered_calls', { skill_id }), abandoned].map(grouped),
        },
        skill_id,
      );
    }
    assert.equal(said.figures['Service level today'], `${(Math.floor((1000 * inTime) / all) / 10).toFixed(1)} %`);
    assert.equal(said.figures['Abandoned today'], `${(Math.ceil((1000 * lost) / all) / 10).toFixed(1)} %`);
    assert.equal(said.figures['Callbacks waiting'], grouped(sum('wolkvox_callbacks', { status: 'yes' })));
    assert.equal(said.figures['Calls in the IVR today'], grouped(sum('wolkvox_today_ivr_calls')));
    assert.equal(said.figures['Requests to Wolkvox today'], grouped(sum('wolkvox_token_requests_today')));
    assert.match(said.body, new RegExp(`of ${grouped(sum('wolkvox_token_requests_limit'))} allowed; ${grouped(sum('wolkvox_token_requests_forecast'))} expected`));
    assert.deepEqual(page.wrongs, []);
    assert.deepEqual(await violations(page), []);
    await page.context().close();
  });

  test('tells troubles where they are seen first, and leaves the others alone', async () => {
    const place = folder();
    const api = await start(EXPORTER, ['simulate', '--listen-address=127.0.0.1:0'], /(http:\S+)\s+(?:token\s+)?(\S+)/);
    const [, base] = api.said().match(/(http:\/\/\S+\/api\/v2\/)/);
    const token = api.said().match(/token[ =:]+(\S+)/)[1];
    const operation = (name, url, secret) => {
      writeFileSync(join(place, `${name}.token`), secret, { mode: 0o600 });
      return `  - { name: "${name}", base_url: "${url}", token_file: "${name}.token", timezone: America/Bogota }\n`;
    };
    writeFileSync(
      join(place, 'wolkvox.yml'),
      `operations:\n${operation('good', base, token)}${operation('refused', base, 'not-the-token')}${operation('unreachable', 'http://127.0.0.1:9/api/v2/', 'any')}`,
    );
    const exporter = await start(
      EXPORTER,
      [`--config.file=${place}/wolkvox.yml`, `--storage.path=${place}/data`, '--web.listen-address=127.0.0.1:0'],
      /msg=listening address=(\S+)/,
    );
    const home = `http://${exporter.found[1]}`;
    const page = await watched(browser, home, { viewport: { width: 360, height: 740 } });
    await until('both troubles and the good one', async () => {
      await page.goto(home);
      const text = await page.locator('body').innerText();
      return text.includes('2 of 3 operations are in trouble') && text.includes('refuses the token') && text.includes('cannot be reached') && text.includes('up to date');
    });
    for (const [width, height] of SIZES.slice(1)) {
      await page.setViewportSize({ width, height });
      assert.ok(await inFirstViewport(page, '.trouble .what'), `at ${width}`);
      assert.ok(await inFirstViewport(page, '.trouble .advice'), `at ${width}`);
    }
    assert.deepEqual(await violations(page), []);
    await picture(page, 'status-trouble', { width: 1280, height: 900 });
    assert.equal((await fetch(`${home}/?operation=nobody`)).status, 404);
    await page.goto(`${home}/?operation=good`);
    assert.equal(await page.getByRole('status').innerText(), 'The numbers are up to date');
    assert.equal(await page.getByRole('link', { name: 'refused' }).count() + (await page.locator('.trouble').count()), 0);
    await page.goto(`${home}/?operation=refused`);
    assert.match(await page.locator('.troubles').innerText(), /Wolkvox refuses the token[^]*Check the token/);
    assert.deepEqual(page.wrongs, []);
    await page.context().close();
    await Promise.all([exporter.end(), api.end()]);
  });

  test('pictures', { skip: !PICTURES && 'no folder for them' }, async () => {
    const shots = [['status', 1280, 900, 'light', 1], ['status-dark', 1280, 900, 'dark', 1], ['status-phone', 360, 780, 'light', 2], ['status-tv', 1920, 1080, 'dark', 1]];
    for (const [name, width, height, colorScheme, deviceScaleFactor] of shots) {
      const page = await watched(browser, home, { colorScheme, deviceScaleFactor, viewport: { width, height } });
      await page.goto(home);
      await picture(page, name, { width, height });
      await page.context().close();
    }
  });

  /** The samples of the metrics: name, labels, value. */
  async function metrics() {
    const text = await (await fetch(`${home}/metrics`)).text();
    return [...text.matchAll(/^(\w+)(?:\{(.*)\})? (\S+)$/gm)].map(([, name, labels, value]) => [
      name,
      Object.fromEntries([...(labels ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, value]) => [key, value])),
      Number(value),
    ]);
  }
});

/** The numbers of the page as a person reads them. */
async function texts_of(page) {
  await page.reload();
  return page.evaluate(() => {
    const text = (element, selector) => element.querySelector(selector)?.textContent.replaceAll('\u00a0', ' ').trim() ?? '';
    const rows = [...document.querySelectorAll('table.skills tbody tr')].map(row => [
      text(row, 'th .soft').match(/\d+/)[0],
      {
        level: text(row, '.level .value'),
        against: text(row, '.level .against'),
        abandon: text(row, '.lost .value'),
        bound: text(row, '.lost .against'),
        calls: [...row.querySelectorAll('td.number')].map(cell => cell.textContent.trim()),
      },
    ]);
    const figures = [...document.querySelectorAll('.figure')].map(figure => [text(figure, 'dt'), text(figure, '.big')]);
    return { skills: Object.fromEntries(rows), figures: Object.fromEntries(figures), body: document.body.innerText.replaceAll('\u00a0', ' ') };
  });
}

async function picture(page, name, { width, height }) {
  if (!PICTURES) return;
  mkdirSync(PICTURES, { recursive: true });
  await page.setViewportSize({ width, height });
  writeFileSync(join(PICTURES, `${name}.png`), withPalette(await page.screenshot()));
}

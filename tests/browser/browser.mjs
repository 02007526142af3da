// Chromium, a server of files on loopback, and programs that are ended with the test.

import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

/** Nothing that Chromium does by itself: no updates, no accounts, no requests but those of the page. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-default-apps',
  '--metrics-recording-only',
  '--force-color-profile=srgb',
  '--hide-scrollbars',
];

/** A browser with a profile of its own. */
export const launch = () =>
  chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', headless: true, args: FLAGS });

/**
 * A page that notes everything that should not happen: messages of the console, errors, and requests to anywhere but `home`.
 * `page.wrongs` is what it noted.
 */
export async function watched(browser, home, options = {}) {
  const context = await browser.newContext({ locale: 'en-GB', timezoneId: 'America/Bogota', reducedMotion: 'reduce', ...options });
  const page = await context.newPage();
  page.wrongs = [];
  page.on('console', message => ['error', 'warning'].includes(message.type()) && page.wrongs.push(`console: ${message.text()}`));
  page.on('pageerror', error => page.wrongs.push(`error: ${error}`));
  page.on('request', request => {
    const url = request.url();
    if (!url.startsWith(home) && !url.startsWith('data:') && !url.startsWith('blob:')) page.wrongs.push(`request: ${url}`);
  });
  return page;
}

/** Serves with `answer(path, response)` on a free port of loopback. */
export async function serve(answer) {
  const server = createServer((request, response) => answer(new URL(request.url, 'http://localhost'), response));
  await new Promise(done => server.listen(0, '127.0.0.1', done));
  return {
    home: `http://127.0.0.1:${server.address().port}`,
    close: () => new Promise(done => (server.closeAllConnections(), server.close(done))),
  };
}

/** Starts the program and waits for a line of its output that matches; returns the match and how to end it. */
export async function start(program, args, pattern, patience = 60_000) {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: {} });
  let said = '';
  const found = await new Promise((done, fail) => {
    const timer = setTimeout(() => fail(new Error(`${args[0]}: nothing like ${pattern} in\n${said}`)), patience);
    const hear = text => {
      said += text;
      const match = said.match(pattern);
      if (match) (clearTimeout(timer), done(match));
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.on('exit', code => fail(new Error(`${args[0]} ended with ${code}\n${said}`)));
  }).catch(error => (child.kill('SIGKILL'), Promise.reject(error)));
  const end = () =>
    new Promise(done => {
      if (child.exitCode !== null) return done();
      child.removeAllListeners('exit');
      child.on('exit', done);
      child.kill('SIGTERM');
    });
  return { found, end, said: () => said };
}

/** Asks until the answer satisfies; the last answer is in the error when it never does. */
export async function until(what, ask, patience = 60_000) {
  const deadline = performance.now() + patience;
  for (let last; ; await new Promise(done => setTimeout(done, 100))) {
    try {
      last = await ask();
      if (last) return last;
    } catch (error) {
      last = error;
    }
    if (performance.now() > deadline) throw new Error(`never: ${what} (${last})`);
  }
}

/** A folder that is gone when the process ends. */
export function folder() {
  const path = mkdtempSync(join(tmpdir(), 'wolkvox-page-'));
  process.on('exit', () => rmSync(path, { recursive: true, force: true }));
  return path;
}

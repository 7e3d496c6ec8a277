/*
 * Pictures of every state, for people to look at: a desktop and a phone, light
 * and dark, the same at every run. They are no verdict.
 */

import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { startBrowser } from './support/browser.js';
import { JOURNEYS, setOut } from './support/journeys.js';

const TARGET = process.env.CARGO_TARGET_DIR ?? fileURLToPath(new URL('../../target', import.meta.url));
const FOLDER = path.join(TARGET, 'screenshots');
const SCREENS = { desktop: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };

let browser;

before(async () => {
  await rm(FOLDER, { recursive: true, force: true });
  await mkdir(FOLDER, { recursive: true });
  browser = await startBrowser();
});

after(() => browser?.close());

/** What differs from run to run: ids, ports, times. In what is shown alone; the page goes on with its own. */
function makeSteady() {
  const steady = (words) =>
    words
      .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '0198c0de-0000-7000-8000-000000000000')
      .replaceAll(/(?<=127\.0\.0\.1:)\d+/g, '8080')
      .replaceAll(/(?<=#\/delete\/[^/]+\/)[\w-]+/g, (token) => 'token'.repeat(9).slice(0, token.length));
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const { currentNode: node } = texts;
    const shown = steady(node.data);
    if (shown !== node.data) {
      node.data = shown;
    }
  }
  for (const input of document.querySelectorAll('input[readonly]')) {
    input.value = steady(input.value);
  }
  const noon = new Date(Date.UTC(2026, 2, 1, 12));
  const locale = { en: 'en-GB' }[document.documentElement.lang] ?? document.documentElement.lang;
  for (const time of document.querySelectorAll('time')) {
    time.textContent = noon.toLocaleString(locale, { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' });
  }
}

async function photograph(page, state) {
  await page.evaluate(makeSteady);
  // What lies over the page is in the window alone.
  const fullPage = !(await page.evaluate(() => document.querySelector('dialog:modal') !== null));
  const scrolled = await page.evaluate(() => scrollY);
  for (const [screen, viewport] of Object.entries(SCREENS)) {
    await page.setViewportSize(viewport);
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      await page.evaluate(loadPictures);
      await page.evaluate((full) => full && scrollTo(0, 0), fullPage);
      const name = `${state.replaceAll(/[^a-z0-9]+/gi, '-')}.${screen}.${colorScheme}.png`;
      await page.screenshot({ path: path.join(FOLDER, name), fullPage, animations: 'disabled', caret: 'hide' });
    }
  }
  await page.setViewportSize(SCREENS.desktop);
  await page.emulateMedia({ colorScheme: 'light' });
  await page.evaluate((top) => scrollTo(0, top), scrolled);
}

/** Those, too, that wait until somebody scrolls to them. What has none that can be shown stays as it is. */
async function loadPictures() {
  const pictures = [...document.images].filter((image) => image.src !== '' && image.parentElement.checkVisibility());
  pictures.forEach((image) => {
    image.loading = 'eager';
  });
  // The first answer may be about what it was to show before.
  await Promise.all(pictures.map((image) => image.decode().catch(() => image.decode()).catch(() => {})));
}

const walk = (journey) => setOut(journey, { browser, context: { viewport: SCREENS.desktop, reducedMotion: 'reduce' } }, photograph);

for (const [deed, journey] of Object.entries(JOURNEYS)) {
  test(`takes pictures of ${deed}`, () => walk(journey));
}

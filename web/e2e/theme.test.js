import assert from 'node:assert/strict';

import { suite } from './support/suite.js';

const { it } = suite();

const LIGHT = 'rgb(243, 239, 230)';
const DARK = 'rgb(20, 24, 22)';

const choice = (page) => page.getByRole('combobox', { name: 'Theme' });
const background = (page) => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
/** Of the browser's own surroundings: the meta elements that are in force. */
const surroundings = (page) =>
  page.evaluate(() =>
    [...document.querySelectorAll('meta[name="theme-color"]')].filter(({ media }) => matchMedia(media).matches).map(({ content }) => content),
  );
const hex = (rgb) => `#${rgb.match(/\d+/g).map((value) => Number(value).toString(16).padStart(2, '0')).join('')}`;

async function assertColours(page, colour) {
  assert.equal(await background(page), colour);
  assert.deepEqual(await surroundings(page), [hex(colour)]);
}

it('is light and dark as the system is, also when that changes', async (page, { server }) => {
  await page.emulateMedia({ colorScheme: 'light' });
  await page.goto(server.url);
  assert.equal(await choice(page).inputValue(), '');
  await assertColours(page, LIGHT);
  await page.emulateMedia({ colorScheme: 'dark' });
  await assertColours(page, DARK);
});

for (const [system, value, colour] of [['light', 'dark', DARK], ['dark', 'light', LIGHT]]) {
  it(`is ${value} on a ${system} system when that was chosen, until the system's is chosen again`, async (page, { server }) => {
    await page.emulateMedia({ colorScheme: system });
    await page.goto(server.url);
    await choice(page).selectOption(value);
    await assertColours(page, colour);
    assert.equal(await page.evaluate(() => getComputedStyle(document.querySelector('select')).colorScheme), value, 'the browser’s own parts too');
    await page.reload();
    assert.equal(await choice(page).inputValue(), value);
    await assertColours(page, colour);

    await choice(page).selectOption('');
    await assertColours(page, colour === LIGHT ? DARK : LIGHT);
    await page.reload();
    await assertColours(page, colour === LIGHT ? DARK : LIGHT);
  });
}

it('has its theme before anything of it is there to be painted, and without its modules', async (page, { server }) => {
  await page.goto(server.url);
  await choice(page).selectOption('dark');

  let give = null;
  const asked = new Promise((resolve) => {
    page.route('**/early.js', (route) => {
      give = () => route.continue();
      resolve();
    });
  });
  await page.route('**/main.js', (route) => route.fulfill({ contentType: 'text/javascript', body: '' }));
  await page.goto(server.url, { waitUntil: 'commit' });
  await asked;
  assert.equal(await page.evaluate(() => document.body), null);
  give();
  await page.getByRole('heading', { level: 1 }).waitFor();
  await assertColours(page, DARK);
}, { complaints: [/was preloaded using link preload but not used/] });

it('can be dark although the browser lets the page remember nothing', async (page, { server }) => {
  await page.addInitScript(() => {
    Object.defineProperty(window, 'localStorage', {
      get() {
        throw new DOMException('Blocked', 'SecurityError');
      },
    });
  });
  await page.emulateMedia({ colorScheme: 'light' });
  await page.goto(server.url);
  await choice(page).selectOption('dark');
  await assertColours(page, DARK);
});

it('takes what it finds in the browser for what it is: a theme and a language, or nothing', async (page, { server }) => {
  await page.goto(server.url);
  await page.evaluate(() => {
    localStorage.setItem('image-handler.theme', 'purple');
    localStorage.setItem('image-handler.language', 'xx');
  });
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.reload();
  await page.getByRole('heading', { name: 'Upload images' }).waitFor();
  await assertColours(page, DARK);
});

it('has visible borders, focus and state in forced colours', async (page, { server }) => {
  await page.emulateMedia({ forcedColors: 'active' });
  await page.goto(server.url);
  await choice(page).focus();
  const shown = await choice(page).evaluate((select) => {
    const style = getComputedStyle(select);
    return { border: style.borderTopWidth, borders: style.borderTopColor !== getComputedStyle(document.body).backgroundColor };
  });
  assert.deepEqual(shown, { border: '1px', borders: true });
  await page.keyboard.press('Shift+Tab');
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.equal(outline, 'solid');
});

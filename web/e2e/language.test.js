import assert from 'node:assert/strict';

import { upload } from './support/api.js';
import { fixture, noisePng } from './support/images.js';
import { suite } from './support/suite.js';

const { it } = suite();

const german = { context: { locale: 'de-DE', timezoneId: 'Europe/Berlin' } };
const heading = (page) => page.getByRole('heading', { level: 1 });
const languageOf = (page) => page.evaluate(() => [document.documentElement.lang, document.documentElement.dir]);
const choice = (page) => page.getByRole('combobox', { name: /^(Language|Sprache)$/ });
const failing = [/Failed to load resource/];

it('speaks English to those who speak neither of its languages', async (page, { server }) => {
  await page.goto(server.url);
  await heading(page).getByText('Upload images, get addresses for them').waitFor();
  assert.deepEqual(await languageOf(page), ['en', 'ltr']);
}, { context: { locale: 'fr-FR' } });

it('speaks German to those whose browser asks for it, with its dates and sizes', async (page, { server }) => {
  const image = await upload(server, noisePng(2, 'n.png'), { uploader: 'Grete' });
  await page.goto(server.url);
  await heading(page).getByText('Bilder hochladen, Adressen bekommen').waitFor();
  assert.deepEqual(await languageOf(page), ['de', 'ltr']);
  assert.equal(await choice(page).inputValue(), 'de');
  await page.getByRole('link', { name: 'API-Dokumentation' }).waitFor();

  const card = page.getByRole('listitem').filter({ hasText: 'Grete' });
  const written = new Intl.DateTimeFormat('de-DE', { dateStyle: 'medium', timeStyle: 'short', timeZone: 'Europe/Berlin' });
  await card.getByText(written.format(new Date(image.created_at))).waitFor();
  const size = new Intl.NumberFormat('de-DE', { maximumFractionDigits: 1 }).format(image.size_bytes / 1024);
  assert.match(size, /,/, 'a size that shows the decimal sign');
  await card.getByText(`${size}\u00a0KB`).waitFor();
}, german);

it('speaks the language that was chosen, also after a reload, and in another tab', async (page, { server }) => {
  await page.goto(server.url);
  assert.deepEqual(await choice(page).locator('option').evaluateAll((options) => options.map(({ lang, text }) => [lang, text])), [
    ['en', 'English'],
    ['de', 'Deutsch'],
  ]);
  await choice(page).selectOption('de');
  await heading(page).getByText('Bilder hochladen').waitFor();
  await page.reload();
  await heading(page).getByText('Bilder hochladen').waitFor();
  assert.equal(await choice(page).inputValue(), 'de');

  const other = await page.context().newPage();
  await other.goto(server.url);
  await heading(other).getByText('Bilder hochladen').waitFor();
  await choice(other).selectOption('en');
  await heading(other).getByText('Upload images').waitFor();
  // Is there once all texts are.
  await choice(other).waitFor();
  assert.deepEqual(await languageOf(other), ['en', 'ltr']);
});

/** Keeps the German texts on their way. @returns {Promise<() => void>} once they are asked for: lets them come */
async function delayGerman(page, address) {
  const asked = new Promise((resolve) => {
    page.route('**/locales/de.json', (route) => resolve(() => route.continue()));
  });
  await page.goto(address, { waitUntil: 'domcontentloaded' });
  return asked;
}

/** As if this much of the time had passed that is waited for texts. */
const passTime = (page, milliseconds) =>
  page.evaluate((time) => {
    const [patience] = document.body.getAnimations();
    patience.pause();
    patience.currentTime = time;
  }, milliseconds);

it('does not show English to those who wait for German', async (page, { server }) => {
  const give = await delayGerman(page, server.url);
  await passTime(page, 1000);
  assert.equal(await heading(page).isVisible(), false);
  give();
  await heading(page).getByText('Bilder hochladen').waitFor();
}, german);

it('shows English after a while to those who wait for German in vain', async (page, { server }) => {
  const give = await delayGerman(page, server.url);
  await passTime(page, 2001);
  await heading(page).getByText('Upload images').waitFor();
  give();
  await heading(page).getByText('Bilder hochladen').waitFor();
}, german);

it('says so and goes on in English when its German cannot be had', async (page, { server }) => {
  await page.route('**/locales/de.json', (route) => route.fulfill({ status: 503, body: '' }));
  await page.goto(server.url);
  await page.getByRole('alert').getByText('This page could not be loaded in Deutsch. Reload it to try again.').waitFor();
  assert.deepEqual(await languageOf(page), ['en', 'ltr']);
  await page.getByRole('listitem').filter({ hasText: 'First Comer' }).waitFor();
}, { ...german, complaints: failing });

it('stays a page that can be read, and says so, when it has no texts at all', async (page, { server }) => {
  await page.route('**/locales/*.json', (route) => route.abort());
  await page.goto(server.url);
  await page.getByRole('alert').getByText('Part of this page could not be loaded.').waitFor();
  assert.deepEqual(await languageOf(page), ['en', '']);
  await heading(page).getByText('Upload images').waitFor();
  await choice(page).waitFor({ state: 'hidden' });
  assert.doesNotMatch(await page.locator('body').innerText(), /\w+\.\w+\.?\w*(?=\n)/, 'no key in place of a text');
}, { ...german, complaints: [...failing, /texts of this page could not be loaded/] });

for (const [locale, words] of [['en-GB', 'Upload images'], ['de-DE', 'Bilder hochladen']]) {
  it(`moves nothing while it loads in ${locale}`, async (page, { server }) => {
    await upload(server, await fixture('hills.jpg'), { uploader: 'Mover' });
    await page.addInitScript(() => {
      window.shifts = [];
      new PerformanceObserver((list) => {
        for (const { value, sources } of list.getEntries()) {
          window.shifts.push([value, sources.map(({ node }) => node?.outerHTML ?? String(node))]);
        }
      }).observe({ type: 'layout-shift', buffered: true });
    });
    await page.goto(server.url);
    await heading(page).getByText(words).waitFor();
    await page.getByRole('listitem').filter({ hasText: 'Mover' }).first().waitFor();
    // Shifts are reported with the frame in which they happen.
    await page.evaluate(() => new Promise((resolve) => {
      requestAnimationFrame(() => requestAnimationFrame(resolve));
    }));
    assert.deepEqual(await page.evaluate(() => window.shifts), []);
  }, { context: { locale } });
}

/*
 * Without JavaScript: the browser sends the form itself and shows what the
 * service answers.
 */

import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { imagesOf } from './support/api.js';
import { fixture, noisePng } from './support/images.js';
import { suite } from './support/suite.js';

const { it, parts } = suite();
const withoutScript = { context: { javaScriptEnabled: false } };
/** Chromium's console has a line for each. */
const refused = { ...withoutScript, complaints: [/status of 4\d\d/] };

async function send(page, { file, name = 'Ada', description = '' }) {
  await page.goto(parts.server.url);
  await page.getByLabel('Your name').fill(name);
  await page.getByLabel('Description (optional)').fill(description);
  await page.getByLabel('Choose images').setInputFiles(file);
  await page.getByRole('button', { name: 'Upload', exact: true }).click();
  await page.getByRole('link', { name: /^(Upload another image|Back to the form)$/ }).waitFor();
}

function titleOf(page) {
  return page.getByRole('heading', { level: 1 }).innerText();
}

/** The address beside a term. */
function addressOf(page, term) {
  return page.getByRole('term').and(page.getByText(term, { exact: true })).locator('+ dd').getByRole('link').innerText();
}

it('a form uploads, and the answer says where the image is', async (page, { server, s3Origin }) => {
  await send(page, { file: await fixture('hills.jpg'), description: 'Hills at noon' });
  assert.equal(await titleOf(page), 'Your image is stored');
  assert.match(await page.title(), /^Your image is stored/);
  const [image] = await imagesOf(server, 'Ada');
  assert.deepEqual([image.uploader, image.alt, image.file_name], ['Ada', 'Hills at noon', 'hills.jpg']);
  assert.equal(await addressOf(page, 'Link'), image.link);
  assert.equal(await addressOf(page, 'Public S3 address'), image.url);
  assert.equal(new URL(image.url).origin, s3Origin);
  assert.equal(await page.getByRole('listitem').count(), 3);
  const picture = page.getByRole('img', { name: 'Hills at noon' });
  assert.ok(await picture.evaluate((img) => img.decode().then(() => img.naturalWidth > 0)));

  await page.getByRole('link', { name: 'Upload another image' }).click();
  await page.getByLabel('Your name').waitFor();
}, withoutScript);

it('the delete link deletes, where there is JavaScript', async (page, { server }) => {
  await send(page, { file: await fixture('lake.png'), name: 'Eve' });
  const [image] = await imagesOf(server, 'Eve');
  const address = await addressOf(page, 'Delete link');
  assert.ok(address.startsWith(`${server.url}#/delete/${image.id}/`), address);
  const scripted = await parts.browser.newPage();
  try {
    await scripted.goto(address);
    await scripted.getByRole('dialog').getByRole('button', { name: /^Delete/ }).click();
    await scripted.getByRole('dialog').waitFor({ state: 'hidden' });
  } finally {
    await scripted.close();
  }
  assert.deepEqual(await imagesOf(server, 'Eve'), []);
}, withoutScript);

it('a reload of the answer, which sends the form again, makes no second image', async (page, { server }) => {
  // From the disk: the browser reads it again.
  const file = fileURLToPath(new URL('fixtures/dusk.webp', import.meta.url));
  await send(page, { file, name: 'Twice' });
  const link = await addressOf(page, 'Link');
  const sentAgain = page.waitForRequest((request) => request.method() === 'POST');
  await page.reload();
  await sentAgain;
  assert.equal(await addressOf(page, 'Link'), link);
  assert.equal((await imagesOf(server, 'Twice')).length, 1);
}, withoutScript);

it('names and descriptions with markup are shown as they are', async (page) => {
  const markup = '<img src=x onerror=alert(1)>"\'&amp;</title>';
  const file = { ...(await fixture('dusk.gif')), name: '<u>dusk.gif' };
  await send(page, { file, name: markup, description: markup });
  assert.equal(await page.getByText(markup, { exact: true }).count(), 1);
  assert.equal(await page.getByRole('img', { name: markup, exact: true }).count(), 1);
  assert.equal(await page.getByText('<u>dusk.gif,').count(), 1);
  assert.equal(await page.locator('main img, main u').count(), 1);
}, withoutScript);

it('a file that is no image is refused in words, with a way back', async (page, { server }) => {
  await send(page, { name: 'Mallory', file: { name: 'notes.png', mimeType: 'image/png', buffer: Buffer.from('no picture') } });
  assert.equal(await titleOf(page), 'This kind of file is not taken');
  await page.getByText('Go back and choose another image.').waitFor();
  assert.deepEqual(await imagesOf(server, 'Mallory'), []);
  await page.getByRole('link', { name: 'Back to the form' }).click();
  await page.getByLabel('Your name').waitFor();
}, refused);

it('a file that is too large is refused in words', async (page) => {
  await send(page, { file: noisePng(1100) });
  assert.equal(await titleOf(page), 'The file is too large');
  await page.getByText('Save a smaller version of the image').waitFor();
}, refused);

it('the pages fit a phone and a dark screen', async (page) => {
  const folder = process.env.SHOTS;
  for (const [width, colorScheme] of [[320, 'dark'], [390, 'light'], [1280, 'light'], [1280, 'dark']]) {
    await page.setViewportSize({ width, height: 900 });
    await page.emulateMedia({ colorScheme });
    for (const file of [await fixture('hills.jpg'), { name: 'a.png', mimeType: 'image/png', buffer: Buffer.from('x') }]) {
      await send(page, { file });
      const room = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
      assert.ok(room[0] <= room[1], `${width}: ${room}`);
      if (folder !== undefined) {
        await mkdir(folder, { recursive: true });
        await page.screenshot({ path: `${folder}/${width}-${colorScheme}-${file.name}.png`, fullPage: true });
      }
    }
  }
}, refused);

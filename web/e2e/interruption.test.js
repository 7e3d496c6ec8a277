import assert from 'node:assert/strict';
import { test } from 'node:test';

import { imagesOf } from './support/api.js';
import { slowUploads, withPage } from './support/browser.js';
import { cardsOf, collectKeys, fill, formOf, resultOf } from './support/form.js';
import { fixture, noisePng } from './support/images.js';
import { startLossyProxy } from './support/lossy-proxy.js';
import { suite } from './support/suite.js';

const { it, parts } = suite();

/** No time passes from here on: nothing is tried again before the person says so. */
const stopTime = async (page) => page.clock.pauseAt(await page.evaluate(() => Date.now() + 60_000));

it(
  'a server that dies while an image is sent is told so, and trying again when it is back stores the image once',
  async (page, { server }) => {
    const keys = collectKeys(page);
    await page.clock.install();
    await page.goto(server.url);
    await fill(page, { file: noisePng(900), name: 'Ada interrupted' });
    const hurry = await slowUploads(page, 150 * 1024);
    await stopTime(page);
    await formOf(page).submit.click();
    await page.waitForFunction(() => document.querySelector('progress').value >= 5);
    await server.kill();

    await page.getByText('The server cannot be reached. Check your connection, then try again.').waitFor();
    await server.restart();
    await hurry();
    await formOf(page).tryAgain.click();
    await resultOf(page).title.waitFor();

    assert.equal(keys.length, 2);
    assert.match(keys[0], /^[0-9a-f-]{36}$/);
    assert.equal(keys[1], keys[0]);
    assert.equal((await imagesOf(server, 'Ada interrupted')).length, 1);
  },
  { complaints: [/ERR_/] },
);

test('an answer that is lost on the way is got by trying again, and the image is stored once', async () => {
  const { browser, server, s3Origin } = parts;
  const proxy = await startLossyProxy(server.url);
  try {
    const origins = [new URL(proxy.url).origin, s3Origin];
    const steps = async (page) => {
      const keys = collectKeys(page);
      await page.clock.install();
      await page.goto(proxy.url);
      await cardsOf(page, 'First Comer').waitFor();
      await fill(page, { file: await fixture('hills.jpg'), name: 'Ada unanswered' });
      proxy.loseAnswers(true);
      await stopTime(page);
      await formOf(page).submit.click();
      await page.getByText('The connection broke before the server could answer.').waitFor();
      const stored = await imagesOf(server, 'Ada unanswered');
      assert.equal(stored.length, 1, 'the server had it');

      proxy.loseAnswers(false);
      await formOf(page).tryAgain.click();
      await resultOf(page).title.waitFor();
      assert.equal(keys.length, 2);
      assert.equal(new Set(keys).size, 1);
      assert.deepEqual((await imagesOf(server, 'Ada unanswered')).map(({ id }) => id), [stored[0].id]);
    };
    await withPage(browser, origins, steps, { complaints: [/ERR_/] });
  } finally {
    await proxy.stop();
  }
});

it('another description after a failure is another upload, under another key', async (page, { server }) => {
  const keys = collectKeys(page);
  await page.route('**/api/v1/images', (route) => route.abort());
  await page.goto(server.url);
  await fill(page, { file: await fixture('hills.jpg'), name: 'Ada corrects' });
  await formOf(page).submit.click();
  await page.getByText('The server cannot be reached.').waitFor();
  // It is tried again by itself, unless one has other plans. Until then nothing may let it through.
  await formOf(page).cancel.click();
  await formOf(page).uploads.getByText('Cancelled').waitFor();
  await page.unroute('**/api/v1/images');
  await formOf(page).description.fill('Hills');
  await formOf(page).tryAgain.click();
  await resultOf(page).title.waitFor();
  assert.equal(new Set(keys.slice(0, -1)).size, 1);
  assert.equal(new Set(keys).size, 2);
}, { complaints: [/ERR_/] });

/* What a row says and offers in each state, and that the page stays where it was. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { test } from 'node:test';

import { imagesOf } from './support/api.js';
import { slowUploads, withPage } from './support/browser.js';
import { fill, formOf, listen, resultOf, rowOf } from './support/form.js';
import { fixture, noisePng } from './support/images.js';
import { suite } from './support/suite.js';

const { it, parts } = suite();

const isFocused = (locator) => locator.evaluate((element) => element === document.activeElement);

/** Every POST is answered so, until it is let through again. @returns {Promise<() => Promise<void>>} */
async function answer(page, status, problem, headers = {}) {
  await page.route('**/api/v1/images', (route) =>
    route.fulfill({ status, contentType: 'application/problem+json', headers, body: JSON.stringify({ status, ...problem }) }),
  );
  return () => page.unroute('**/api/v1/images');
}

it('sends three at a time: the others wait for their turn, and say so', async (page, { server }) => {
  await page.goto(server.url);
  const names = ['one.png', 'two.png', 'three.png', 'four.png'];
  await fill(page, { file: names.map((name) => noisePng(200, name)), name: 'Ada in line', description: 'Noise' });
  await slowUploads(page, 100 * 1024);
  await formOf(page).submit.click();
  await rowOf(page, 'three.png').state.getByText(/^Sending/).waitFor();
  assert.equal(await rowOf(page, 'four.png').state.textContent(), 'Waits for its turn');
  assert.equal(await rowOf(page, 'one.png').description.getAttribute('readonly'), '', 'on its way as it was written');

  await rowOf(page, 'two.png').cancel.click();
  await rowOf(page, 'four.png').state.getByText(/^Sending/).waitFor();
  await formOf(page).cancelAll.click();
  await rowOf(page, 'one.png').state.getByText('Cancelled').waitFor();
  assert.equal(await formOf(page).uploads.getByText('Cancelled').count(), 4);
  assert.equal(await isFocused(formOf(page).submit), true, 'the button that was pressed is gone');
  assert.deepEqual(await imagesOf(server, 'Ada in line'), []);
});

it(
  'shows all together: how many, how much, and what failed, and tries that again at once',
  async (page, { server }) => {
    await page.goto(server.url);
    const mend = await answer(page, 507, { code: 'disk-full' });
    await fill(page, { file: [await fixture('hills.jpg'), await fixture('lake.png')], name: 'Ada retries' });
    await formOf(page).submit.click();
    await page.getByText('0 of 2 uploaded, 2 failed').waitFor();
    for (const name of ['hills.jpg', 'lake.png']) {
      assert.equal(await rowOf(page, name).alert.textContent(), 'The server has no room left for another image. Try again later.');
      const describedBy = await rowOf(page, name).tryAgain.getAttribute('aria-describedby');
      assert.equal(describedBy, await rowOf(page, name).alert.getAttribute('id'));
    }
    await mend();
    await formOf(page).retryFailed.click();
    await page.getByText('2 of 2 uploaded').waitFor();
    assert.equal(await formOf(page).totals.getAttribute('value'), '100');
    assert.equal((await imagesOf(server, 'Ada retries')).length, 2);
  },
  { complaints: [/507/] },
);

it('says how much of all has left, and how fast', async (page, { server }) => {
  await page.goto(server.url);
  await fill(page, { file: [noisePng(900, 'one.png'), noisePng(900, 'two.png')], name: 'Ada measures' });
  await slowUploads(page, 200 * 1024);
  await formOf(page).submit.click();
  await page.getByText(/^0 of 2 uploaded, [\d.]+\s[KM]B of 1\.8\sMB, [\d.]+\sKB\/s, \d+ seconds? left$/).waitFor();
  assert.ok(Number(await formOf(page).totals.getAttribute('value')) > 0);
  await formOf(page).cancelAll.click();
});

it(
  'tells what it waits for, counts down, and goes on by itself',
  async (page, { server }) => {
    await page.clock.install();
    await page.goto(server.url);
    const mend = await answer(page, 429, { code: 'rate-limited' }, { 'Retry-After': '40' });
    await fill(page, { file: await fixture('hills.jpg'), name: 'Ada waits' });
    await formOf(page).submit.click();
    const { state, alert, row } = rowOf(page, 'hills.jpg');
    await state.getByText(/Try again in 40 seconds\. Trying again in 4[01] seconds\.$/).waitFor();
    assert.equal(await alert.count(), 0, 'no alarm for what mends itself');
    await page.clock.runFor(10_000);
    await state.getByText(/Trying again in 3[01] seconds\.$/).waitFor();
    assert.equal(await row.getByRole('button', { name: /^Try again/ }).count(), 1);
    await mend();
    await page.clock.runFor(32_000);
    await resultOf(page).title.waitFor();
  },
  { complaints: [/429/] },
);

it('says when nothing has moved for 15 seconds, aloud as well', async (page, { server }) => {
  await page.clock.install();
  await page.route('**/api/v1/images', () => {});
  await page.goto(server.url);
  await fill(page, { file: noisePng(900), name: 'Ada stands still' });
  const heard = await listen(page);
  await slowUploads(page, 1);
  await formOf(page).submit.click();
  await rowOf(page, 'noise.png').state.getByText(/^Sending/).waitFor();
  await page.clock.runFor(16_000);
  await rowOf(page, 'noise.png').state.getByText('Nothing has moved for 15 seconds.').waitFor();
  await page.clock.runFor(1000);
  assert.match((await heard()).join(), /noise\.png: Nothing has moved for 15 seconds/);
  await rowOf(page, 'noise.png').cancel.click();
});

it('says that it is offline, and what it waits for', async (page, { server }) => {
  await page.goto(server.url);
  await fill(page, { file: Array.from({ length: 4 }, (_, index) => noisePng(300, `n${index}.png`)), name: 'Ada offline' });
  await slowUploads(page, 50 * 1024);
  await formOf(page).submit.click();
  await rowOf(page, 'n2.png').state.getByText(/^Sending/).waitFor();
  // The event alone: what is on its way goes on, what waits is held back.
  await page.evaluate(() => dispatchEvent(new Event('offline')));
  await page.locator('upload-totals').getByText('You are offline.').waitFor();
  assert.equal(await rowOf(page, 'n3.png').state.textContent(), 'Waiting for the connection');
  await page.evaluate(() => dispatchEvent(new Event('online')));
  assert.equal(await rowOf(page, 'n3.png').state.textContent(), 'Waits for its turn');
  assert.equal(await page.locator('upload-totals').getByText('You are offline.').count(), 1);
  assert.equal(await page.locator('upload-totals').getByText('You are offline.').isVisible(), false);
  await formOf(page).cancelAll.click();
});

it('who was in a row that became a result goes on at the result', async (page, { server }) => {
  await page.goto(server.url);
  await fill(page, { file: noisePng(300), name: 'Ada follows' });
  const hurry = await slowUploads(page, 100 * 1024);
  await formOf(page).submit.click();
  await rowOf(page, 'noise.png').cancel.focus();
  await hurry();
  await resultOf(page).title.waitFor();
  assert.equal(await isFocused(resultOf(page).title), true);
});

test('what was cancelled too late is told to be there perhaps', async () => {
  const { browser, server, s3Origin } = parts;
  // Takes uploads whole and never answers; everything else is the server's.
  const silent = createServer(async (request, response) => {
    request.resume();
    if (request.method !== 'POST') {
      const real = await fetch(new URL(request.url, server.url));
      response.writeHead(real.status, { 'Content-Type': real.headers.get('Content-Type') });
      response.end(Buffer.from(await real.arrayBuffer()));
    }
  });
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  try {
    const url = `http://127.0.0.1:${silent.address().port}/`;
    await withPage(browser, [new URL(url).origin, s3Origin], async (page) => {
      await page.goto(url);
      await fill(page, { file: await fixture('lake.png'), name: 'Ada too late' });
      await formOf(page).submit.click();
      const { state, cancel, progress } = rowOf(page, 'lake.png');
      await state.getByText('Sent. The server is saving it…').waitFor();
      assert.equal(await progress.getAttribute('value'), null, 'something goes on, of unknown length');
      await cancel.click();
      await state.getByText(/may be stored all the same/).waitFor();
    });
  } finally {
    silent.closeAllConnections();
    silent.close();
  }
});

it('more can be chosen and sent while others are on their way', async (page, { server }) => {
  await page.goto(server.url);
  await fill(page, { file: noisePng(600), name: 'Ada adds' });
  const hurry = await slowUploads(page, 100 * 1024);
  await formOf(page).submit.click();
  await rowOf(page, 'noise.png').state.getByText(/^Sending/).waitFor();
  await formOf(page).file.setInputFiles(await fixture('lake.png'));
  await page.getByRole('button', { name: 'Upload 1 image' }).click();
  await resultOf(page, 'lake.png').title.waitFor();
  await hurry();
  await resultOf(page, 'noise.png').title.waitFor();
  assert.equal((await imagesOf(server, 'Ada adds')).length, 2);
});

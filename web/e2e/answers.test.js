import assert from 'node:assert/strict';

import { imagesOf, upload } from './support/api.js';
import { cardsOf, collectKeys, fill, formOf, isLoaded, resultOf, uploadByHand } from './support/form.js';
import { fixture, fromCamera } from './support/images.js';
import { suite } from './support/suite.js';

const { it } = suite();

it('says saved, not stored, until the image is in S3, and follows it there', async (page, { server }) => {
  const real = await upload(server, await fixture('lake.png'), { uploader: 'Ada pending' });
  const pending = { ...real, storage: { local: 'stored', s3: 'pending', record: 'pending' } };
  let release;
  const held = new Promise((resolve) => {
    release = resolve;
  });
  await page.route('**/api/v1/images', (route) => route.fulfill({ status: 202, json: pending }));
  await page.route(`**/api/v1/images/${real.id}`, async (route) => {
    await held;
    await route.continue();
  });

  await page.goto(server.url);
  await uploadByHand(page, { file: await fixture('lake.png'), name: 'Ada pending' });
  await page.getByRole('heading', { name: '“lake.png” is saved' }).waitFor();
  assert.match(await resultOf(page).stages.nth(2).textContent(), /Not in S3 yet/);
  assert.match(await resultOf(page).stages.nth(3).textContent(), /Not in the database yet/);

  release();
  await page.getByRole('heading', { name: '“lake.png” is stored' }).waitFor();
  assert.match(await resultOf(page).stages.nth(2).textContent(), /Stored in S3/);
  assert.equal(await page.getByText('On its way to S3').count(), 0, 'in the gallery too');
});

it('shows a picture that the camera held upright as it was seen, and says once that data was removed', async (page, { server }) => {
  const file = fromCamera(await fixture('hills.jpg'));
  await page.goto(server.url);
  await uploadByHand(page, { file, name: 'Ada with camera' });

  for (const picture of [resultOf(page).picture, cardsOf(page, 'Ada with camera').getByRole('img')]) {
    assert.ok(await isLoaded(picture));
    const shown = await picture.evaluate((element) => {
      const { width, height } = element.getBoundingClientRect();
      return {
        reserved: [element.getAttribute('width'), element.getAttribute('height')].map(Number),
        natural: element.naturalWidth / element.naturalHeight,
        ratio: width / height,
      };
    });
    assert.deepEqual(shown.reserved, [240, 320]);
    assert.ok(Math.abs(shown.natural - 240 / 320) < 0.02, `upright: ${shown.natural}`);
    assert.ok(Math.abs(shown.ratio - 240 / 320) < 0.01, `not distorted: ${shown.ratio}`);
  }
  const [image] = await imagesOf(server, 'Ada with camera');
  assert.deepEqual([image.width, image.height], [240, 320]);
  const published = Buffer.from(await (await fetch(image.link)).arrayBuffer());
  assert.ok(file.buffer.includes('Camera of Ada') && !published.includes('Camera of Ada'));

  const removed = page.getByText('data that the picture does not need was removed');
  assert.equal(await removed.count(), 1);
  assert.equal(await removed.evaluate((element) => element.closest('[role=alert], [role=status]')), null, 'not aloud');
});

for (const [status, code, words] of [
  [408, 'upload-too-slow', 'The upload took too long on the way'],
  [429, 'rate-limited', 'Too many requests came from here at once. Try again in 40 seconds.'],
  [503, 'uploads-busy', 'The server is busy with other uploads. Try again in 40 seconds.'],
]) {
  it(
    `lets the person try again at once after ${code}, under the same key`,
    async (page, { server }) => {
      const keys = collectKeys(page);
      await page.route(
        '**/api/v1/images',
        (route) =>
          route.fulfill({
            status,
            contentType: 'application/problem+json',
            headers: { 'Retry-After': '40' },
            body: JSON.stringify({ code, status, detail: 'For programs.' }),
          }),
        { times: 1 },
      );
      await page.goto(server.url);
      await fill(page, { file: await fixture('lake.png'), name: `Ada after ${code}` });
      await formOf(page).submit.click();
      await page.getByText(words).waitFor();
      assert.equal(keys.length, 1);
      await formOf(page).tryAgain.click();
      await resultOf(page).title.waitFor();
      assert.equal(keys.length, 2);
      assert.equal(keys[1], keys[0]);
    },
    { complaints: [new RegExp(status)] },
  );
}

for (const [status, words] of [
  [413, '“lake.png” is too large for this server.'],
  [502, 'The server is not available just now. Try again in 7 seconds.'],
]) {
  it(
    `puts a proxy's HTML page with status ${status} into words`,
    async (page, { server }) => {
      await page.route('**/api/v1/images', (route) =>
        route.fulfill({ status, contentType: 'text/html', headers: { 'Retry-After': '7' }, body: '<h1>nginx</h1>' }),
      );
      await page.goto(server.url);
      await fill(page, { file: await fixture('lake.png'), name: 'Ada behind nginx' });
      await formOf(page).submit.click();
      await page.getByText(words).waitFor();
    },
    { complaints: [new RegExp(status)] },
  );
}

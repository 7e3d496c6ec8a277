import assert from 'node:assert/strict';

import { isLoaded } from './support/form.js';
import {
  addressOf,
  endsReached,
  expectImage,
  expectShown,
  focused,
  galleryOf,
  hashIn,
  linkOf,
  removeElsewhere,
  uploadNumbered,
  viewerOf,
} from './support/gallery.js';
import { expectSoon } from './support/soon.js';
import { suite } from './support/suite.js';

const { it } = suite();

const PAGE_SIZE = 12;
// Chromium shows a picture alone in a document of its own making, which the picture's policy does not allow to style,
// nor the tests to look into.
const PICTURE_ALONE = /Applying inline style|Blocked script execution in .* sandboxed/;

it('opens an image that was linked to, wherever it is in the list', async (page, { server }) => {
  const images = await uploadNumbered(server, 'Ada deep', PAGE_SIZE + 2);
  const oldest = images.at(-1);
  await page.goto(`${server.url}#/image/${oldest.id}`);
  await expectImage(page, oldest);
  assert.ok(await isLoaded(viewerOf(page).picture));
  await galleryOf(page).cards.first().waitFor({ state: 'attached' });
  await expectSoon(() => endsReached(page), ['true', 'true']);
  await page.keyboard.press('Escape');
  await viewerOf(page).dialog.waitFor({ state: 'hidden' });
  await page.waitForURL(server.url);
  assert.equal(await focused(page), 'Recent images');

  // One that is in the list has its neighbours, as soon as that is there.
  await page.goto(`${server.url}#/image/${images[1].id}`);
  await page.reload();
  await expectImage(page, images[1]);
  await expectSoon(() => endsReached(page), ['false', 'false']);
  await page.keyboard.press('ArrowRight');
  await expectImage(page, images[2]);
});

it(
  'says what became of a linked image that is not there',
  async (page, { server }) => {
    const [image] = await uploadNumbered(server, 'Ada was here', 1);
    await removeElsewhere(server, image);
    await page.goto(`${server.url}#/image/${image.id}`);
    await viewerOf(page).alert.filter({ hasText: 'This image was deleted.' }).waitFor();
    assert.equal(await viewerOf(page).title.textContent(), 'Nothing to show');
    await page.keyboard.press('Escape');
    await viewerOf(page).dialog.waitFor({ state: 'hidden' });
    await page.goto(`${server.url}#/image/019aab3e-7a10-7c3b-9a4f-2b1c0d9e8f70`);
    await viewerOf(page).alert.filter({ hasText: 'There is no such image here.' }).waitFor();
    await viewerOf(page).close.click();
    await viewerOf(page).dialog.waitFor({ state: 'hidden' });
  },
  { complaints: [/410/, /404/] },
);

it(
  'says a word of an image that others deleted meanwhile, and takes it from the list',
  async (page, { server }) => {
    const images = await uploadNumbered(server, 'Ada vanishes', 3);
    await page.goto(`${server.url}${addressOf('Ada vanishes')}`);
    await expectShown(page, images);
    await removeElsewhere(server, images[1]);
    await linkOf(page, 1).click();
    await viewerOf(page).alert.filter({ hasText: 'This image was deleted meanwhile.' }).waitFor();
    assert.equal(await viewerOf(page).picture.count(), 0);
    await expectShown(page, [images[0], images[2]]);
    assert.deepEqual(await endsReached(page), ['false', 'false']);
    await page.keyboard.press('ArrowRight');
    await expectImage(page, images[2]);
    await page.keyboard.press('ArrowLeft');
    await expectImage(page, images[0]);
  },
  { complaints: [/410/] },
);

it('is left and entered again by the browser’s own ways', async (page, { server }) => {
  const images = await uploadNumbered(server, 'Ada back', 2);
  await page.goto(`${server.url}${addressOf('Ada back')}`);
  await expectShown(page, images);
  await linkOf(page, 0).click();
  await expectImage(page, images[0]);
  await page.goBack();
  await viewerOf(page).dialog.waitFor({ state: 'hidden' });
  assert.equal(hashIn(page), '#/by/Ada%20back');
  await expectShown(page, images);
  await page.goForward();
  await expectImage(page, images[0]);
  await page.mouse.click(2, 2);
  await viewerOf(page).dialog.waitFor({ state: 'hidden' });
  await expectSoon(() => hashIn(page), '#/by/Ada%20back');
});

it(
  'leaves the picture’s link to the browser where that is asked',
  async (page, { server }) => {
    const [image] = await uploadNumbered(server, 'Ada tabs', 1);
    await page.goto(`${server.url}${addressOf('Ada tabs')}`);
    await expectShown(page, [image]);
    const [opened] = await Promise.all([page.context().waitForEvent('page'), linkOf(page, 0).click({ modifiers: ['Control'] })]);
    await opened.waitForURL(image.link);
    assert.equal(await viewerOf(page).dialog.count(), 0);
  },
  { complaints: [PICTURE_ALONE] },
);

it(
  'leads to the picture alone where the large view cannot be loaded',
  async (page, { server }) => {
    const [image] = await uploadNumbered(server, 'Ada without', 1);
    await page.route('**/image-viewer.js', (route) => route.abort());
    await page.goto(`${server.url}${addressOf('Ada without')}`);
    await expectShown(page, [image]);
    await linkOf(page, 0).click();
    await page.waitForURL(image.link);
  },
  { complaints: [/ERR_FAILED/, PICTURE_ALONE] },
);

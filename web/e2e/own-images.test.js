import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';

import { statusOf, upload } from './support/api.js';
import { listen, uploadByHand } from './support/form.js';
import { expectShown, focused, galleryOf, hasFocus, idsShown, openAsOwner, removeElsewhere, uploadNumbered } from './support/gallery.js';
import { fixture } from './support/images.js';
import { expectSoon } from './support/soon.js';
import { suite } from './support/suite.js';

const { it } = suite();

const PAGE_SIZE = 12;

function toolsOf(page) {
  const { region } = galleryOf(page);
  const button = (name) => region.getByRole('button', { name, exact: typeof name === 'string' });
  return {
    elsewhere: region.getByText('Take this list elsewhere'),
    exporter: button('Export my list'),
    importer: region.getByLabel('Import a list'),
    outcome: region.getByRole('status'),
    problem: region.locator('own-tools [role=alert]'),
    all: button('Select all shown'),
    cancel: button('Cancel'),
    remove: button(/^Delete (\d+ )?images?$/),
    checkboxes: region.getByRole('checkbox'),
  };
}

const fileOf = (content, name = 'list.json') => ({ name, mimeType: 'application/json', buffer: Buffer.from(content) });
const listOf = (...images) => JSON.stringify({ version: 1, images: images.map(({ id, delete_token }) => ({ id, delete_token })) });

it('lists one’s own alone, newest first and page by page', async (page, { server }) => {
  const images = await uploadNumbered(server, 'Ada counts', PAGE_SIZE + 2);
  await uploadNumbered(server, 'Grace between', 1);
  await openAsOwner(page, server, images, '#/mine');
  await expectShown(page, images.slice(0, PAGE_SIZE));
  await galleryOf(page).more.click();
  await expectShown(page, images);
  await galleryOf(page).more.waitFor({ state: 'hidden' });
});

it('says that there are none, and shows the first one that is uploaded', async (page, { server }) => {
  await page.goto(`${server.url}#/mine`);
  await page.getByText('No images yet. Those that you upload from this browser are listed here.').waitFor();
  await uploadByHand(page, { file: await fixture('lake.png'), name: 'Ada first' });
  await expectSoon(() => galleryOf(page).cards.count(), 1);
  assert.equal(await page.getByText('No images yet.').isVisible(), false);
});

it(
  'leaves out and forgets what was deleted elsewhere',
  async (page, { server }) => {
    const images = await uploadNumbered(server, 'Ada elsewhere', 2);
    await removeElsewhere(server, images[0]);
    await openAsOwner(page, server, images, '#/mine');
    await expectShown(page, [images[1]]);
    assert.deepEqual(await page.evaluate(() => Object.keys(localStorage).filter((key) => key.includes('token'))), [
      `image-handler.delete-token.${images[1].id}`,
    ]);
  },
  { complaints: [/410/] },
);

it('selects several, deletes them, and puts them back', async (page, { server }) => {
  const images = await uploadNumbered(server, 'Ada selects', 4);
  await openAsOwner(page, server, images, '#/mine');
  await expectShown(page, images);
  const { select, bar, undo } = galleryOf(page);
  const { checkboxes, remove, all, cancel } = toolsOf(page);
  const heard = await listen(page);
  assert.equal(await checkboxes.count(), 0);
  await select.focus();
  await page.keyboard.press('Enter');
  assert.equal(await hasFocus(all), true, 'the button is gone, the focus is not');
  assert.equal(await checkboxes.count(), 4);
  assert.equal(await remove.isDisabled(), true);
  assert.match(await checkboxes.nth(1).getAttribute('aria-label'), /^Select the image by Ada selects of /);

  await checkboxes.nth(1).check();
  assert.equal(await remove.textContent(), 'Delete 1 image');
  await checkboxes.nth(3).focus();
  await page.keyboard.press('Space');
  await checkboxes.nth(0).check();
  await checkboxes.nth(0).uncheck();
  assert.equal(await remove.textContent(), 'Delete 2 images');
  await remove.click();
  await expectShown(page, [images[0], images[2]]);
  await bar.getByText('2 images deleted.').waitFor();
  assert.equal(await checkboxes.count(), 0);
  assert.equal(await focused(page), 'Your images');
  await undo.click();
  await expectShown(page, images);
  // What comes together is one message.
  await expectSoon(async () => (await heard()).join(' '), '2 images deleted. You can undo this for 10 seconds. 2 images are back.');

  await select.click();
  await all.click();
  assert.equal(await remove.textContent(), 'Delete 4 images');
  await cancel.click();
  assert.equal(await hasFocus(select), true);
  assert.equal(await checkboxes.count(), 0);
  await select.click();
  assert.equal(await remove.isDisabled(), true, 'nothing is left selected');
  await galleryOf(page).everyones.click();
  await galleryOf(page).cards.first().waitFor();
  assert.equal(await checkboxes.count(), 0);
});

it('deletes several', async (page, { server }) => {
  const images = await uploadNumbered(server, 'Ada clears', 3);
  await page.clock.install();
  await openAsOwner(page, server, images, '#/mine');
  await expectShown(page, images);
  await galleryOf(page).select.click();
  await toolsOf(page).all.click();
  await toolsOf(page).checkboxes.nth(2).uncheck();
  await toolsOf(page).remove.click();
  await page.mouse.move(2, 2);
  await galleryOf(page).bar.waitFor();
  await page.clock.runFor(10_000);
  await expectSoon(() => Promise.all(images.map(({ id }) => statusOf(server, id))), [410, 410, 200]);
});

it(
  'takes the list to another browser: exported, forgotten, imported, deleted',
  async (page, { server }) => {
    const images = await uploadNumbered(server, 'Ada moves', 2);
    await openAsOwner(page, server, images, '#/mine');
    await expectShown(page, images);
    const { elsewhere, exporter, importer, outcome, problem } = toolsOf(page);
    await elsewhere.click();
    const [download] = await Promise.all([page.waitForEvent('download'), exporter.click()]);
    assert.equal(download.suggestedFilename(), 'my-images.json');
    await outcome.getByText('“my-images.json” holds 2 images.').waitFor();
    const content = await readFile(await download.path(), 'utf8');
    assert.deepEqual(JSON.parse(content), {
      version: 1,
      images: images.toReversed().map(({ id, delete_token: token }) => ({ id, delete_token: token })),
    });

    await page.evaluate(() => localStorage.clear());
    await page.reload();
    await page.getByText('No images yet. Those that you upload').waitFor();
    await elsewhere.click();
    await importer.setInputFiles(fileOf(content, 'my-images.json'));
    await expectShown(page, images);
    assert.equal(await outcome.textContent(), '2 images are new. 0 were known already.');
    assert.equal(await problem.textContent(), '');
    await importer.setInputFiles(fileOf(content, 'my-images.json'));
    await outcome.getByText('0 images are new. 2 were known already.').waitFor();

    await galleryOf(page).remove(galleryOf(page).cards.nth(0)).click();
    await galleryOf(page).bar.waitFor();
    await page.reload();
    await expectSoon(() => statusOf(server, images[0].id), 410);
  },
  // The delete may have been faster than the list.
  { complaints: [/410/] },
);

it('adds what is new, and says what it could not use', async (page, { server }) => {
  const images = await uploadNumbered(server, 'Ada merges', 3);
  await openAsOwner(page, server, [images[0]], '#/mine');
  await expectShown(page, [images[0]]);
  const { elsewhere, importer, outcome, problem } = toolsOf(page);
  await elsewhere.click();
  await importer.setInputFiles(fileOf(listOf(images[0], images[2], { id: '<b>', delete_token: 'x' })));
  await expectShown(page, [images[0], images[2]]);
  assert.equal(await outcome.textContent(), 'One image is new. One was known already.');
  assert.equal(await problem.textContent(), 'One entry of the file could not be used: it is damaged.');
});

it('explains files that are no list, and changes nothing', async (page, { server }) => {
  const [image] = await uploadNumbered(server, 'Ada errs', 1);
  await openAsOwner(page, server, [image], '#/mine');
  await expectShown(page, [image]);
  const { elsewhere, importer, outcome, problem } = toolsOf(page);
  await elsewhere.click();
  for (const [file, words] of [
    [fileOf('<b>no</b>', '<img src=x>.json'), '“<img src=x>.json” is not a list of images.'],
    [{ ...(await fixture('lake.png')) }, '“lake.png” is not a list of images.'],
    [fileOf('{"version":1}'), '“list.json” is not a list of images.'],
    [fileOf('{"version":9,"images":[]}', 'later.json'), '“later.json” was exported by another version of this page'],
    [fileOf(' '.repeat(4 * 1024 * 1024 + 1), 'huge.json'), '“huge.json” is too large to be a list of images.'],
  ]) {
    await importer.setInputFiles(file);
    await problem.filter({ hasText: words }).waitFor();
    assert.equal(await outcome.textContent(), '');
  }
  assert.deepEqual(await idsShown(page), [image.id]);
  await importer.setInputFiles(fileOf(listOf(image)));
  await outcome.getByText('0 images are new. One was known already.').waitFor();
  assert.equal(await problem.textContent(), '');
});

it(
  'says when export and import cannot be loaded',
  async (page, { server }) => {
    await page.route('**/own-images-file.js', (route) => route.abort());
    await page.goto(`${server.url}#/mine`);
    await toolsOf(page).elsewhere.click();
    await toolsOf(page).exporter.click();
    await toolsOf(page).problem.filter({ hasText: 'This part of the page could not be loaded.' }).waitFor();
  },
  { complaints: [/ERR_FAILED/] },
);

it(
  'shows the images though what can be done with them cannot be loaded',
  async (page, { server }) => {
    const images = await uploadNumbered(server, 'Ada toolless', 2);
    await page.route('**/own-tools.js', (route) => route.abort());
    await openAsOwner(page, server, images, '#/mine');
    await expectShown(page, images);
    assert.equal(await galleryOf(page).select.count(), 0, 'nothing is there that does nothing');
  },
  { complaints: [/ERR_FAILED/] },
);

it('works without storage for as long as the page is open, and says so', async (page, { server }) => {
  await page.addInitScript(() => {
    Object.defineProperty(globalThis, 'localStorage', {
      get() {
        throw new DOMException('The operation is insecure.', 'SecurityError');
      },
    });
  });
  const [imported] = await uploadNumbered(server, 'Ada private', 1);
  await page.goto(`${server.url}#/mine`);
  await uploadByHand(page, { file: await fixture('hills.jpg'), name: 'Ada unstored' });
  await expectSoon(() => galleryOf(page).cards.count(), 1);
  await toolsOf(page).elsewhere.click();
  await toolsOf(page).importer.setInputFiles(fileOf(listOf(imported)));
  await expectSoon(() => galleryOf(page).cards.count(), 2);
  await toolsOf(page).problem.filter({ hasText: 'This browser could not store them' }).waitFor();
  const [download] = await Promise.all([page.waitForEvent('download'), toolsOf(page).exporter.click()]);
  assert.equal(JSON.parse(await readFile(await download.path(), 'utf8')).images.length, 2);
});

it('an image of the gallery becomes one’s own by its import', async (page, { server }) => {
  const image = await upload(server, await fixture('lake.png'), { uploader: 'Ada adopts' });
  await page.goto(`${server.url}#/mine`);
  await toolsOf(page).elsewhere.click();
  await toolsOf(page).importer.setInputFiles(fileOf(listOf(image)));
  await expectShown(page, [image]);
  await galleryOf(page).everyones.click();
  await galleryOf(page).cards.nth(1).waitFor();
  assert.equal(await galleryOf(page).remove(galleryOf(page).cards.first()).count(), 1);
});

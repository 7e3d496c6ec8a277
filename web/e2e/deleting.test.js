import assert from 'node:assert/strict';

import { statusOf, upload } from './support/api.js';
import { listen } from './support/form.js';
import {
  addressOf,
  expectShown,
  focused,
  galleryOf,
  hasFocus,
  linkOf,
  openAsOwner,
  removeElsewhere,
  uploadNumbered,
} from './support/gallery.js';
import { fixture } from './support/images.js';
import { expectSoon } from './support/soon.js';
import { suite } from './support/suite.js';

const { it } = suite();

const LATER = new Date('2100-01-01T00:00:00Z');

/** The ids that the page asked to delete from now on. */
function collectDeletes(page) {
  const ids = [];
  page.on('request', (request) => {
    if (request.method() === 'DELETE') {
      ids.push(request.url().split('/').at(-1));
    }
  });
  return ids;
}

/** The gallery of an uploader, whose images are one's own, and time that only passes when it is told to. */
async function openWithoutTime(page, server, uploader, images) {
  await page.clock.install();
  await openAsOwner(page, server, images, addressOf(uploader));
  await expectShown(page, images);
  await page.clock.pauseAt(LATER);
}

const press = (page, index) => galleryOf(page).remove(galleryOf(page).cards.nth(index)).click();

/** Until it can be undone: what that takes is loaded at the first delete. */
async function removeCard(page, index) {
  await press(page, index);
  await galleryOf(page).bar.waitFor();
}

const statuses = (server, images) => Promise.all(images.map(({ id }) => statusOf(server, id)));
const tokens = (page) => page.evaluate(() => Object.keys(localStorage).filter((key) => key.includes('token')).length);

it('offers to delete one’s own images alone', async (page, { server }) => {
  const images = await uploadNumbered(server, 'Ada some', 2);
  await openAsOwner(page, server, [images[1]], addressOf('Ada some'));
  await expectShown(page, images);
  const { cards, remove } = galleryOf(page);
  assert.deepEqual([await remove(cards.nth(0)).count(), await remove(cards.nth(1)).count()], [0, 1]);
});

it('deletes after ten seconds, and sends nothing before', async (page, { server }) => {
  const images = await uploadNumbered(server, 'Ada waits', 2);
  const asked = collectDeletes(page);
  await openWithoutTime(page, server, 'Ada waits', images);
  await removeCard(page, 0);
  await expectShown(page, [images[1]]);
  assert.match(await galleryOf(page).bar.textContent(), /Image deleted\.\s+10 seconds left/);
  await page.clock.runFor(9_000);
  assert.match(await galleryOf(page).bar.textContent(), /Image deleted\.\s+1 second left/);
  await page.clock.runFor(999);
  assert.deepEqual(asked, []);
  assert.deepEqual(await statuses(server, images), [200, 200]);
  await page.clock.runFor(1);
  await galleryOf(page).bar.waitFor({ state: 'hidden' });
  await expectSoon(() => statuses(server, images), [410, 200]);
  assert.deepEqual(asked, [images[0].id]);
  await expectSoon(() => tokens(page), 1);
  await page.clock.resume();
  await page.reload();
  await expectShown(page, [images[1]]);
});

it('puts back what is undone, where it was, and never sends anything', async (page, { server }) => {
  const images = await uploadNumbered(server, 'Ada regrets', 3);
  const asked = collectDeletes(page);
  await openWithoutTime(page, server, 'Ada regrets', images);
  const heard = await listen(page);
  await removeCard(page, 1);
  await expectShown(page, [images[0], images[2]]);
  // What had the focus is gone. Nothing takes it by itself, and "Undo" is the next stop.
  assert.equal(await focused(page), 'Images by Ada regrets');
  await page.clock.runFor(8_000);
  await page.keyboard.press('Tab');
  assert.equal(await hasFocus(galleryOf(page).undo), true);
  await page.keyboard.press('Enter');
  await expectShown(page, images);
  assert.equal(await hasFocus(linkOf(page, 1)), true);
  await page.clock.runFor(60_000);
  assert.deepEqual(asked, []);
  // Said once, not every second.
  assert.deepEqual(await heard(), ['Image deleted. You can undo this for 10 seconds.', 'The image is back.']);
  assert.equal(await tokens(page), 3);
});

it('keeps what is waiting out of every list', async (page, { server }) => {
  const images = await uploadNumbered(server, 'Ada hides', 2);
  await openWithoutTime(page, server, 'Ada hides', images);
  await removeCard(page, 0);
  await galleryOf(page).mine.click();
  await expectShown(page, [images[1]]);
  await galleryOf(page).undo.click();
  await expectShown(page, images);
});

it('several deletes wait together, as long as the last', async (page, { server }) => {
  const images = await uploadNumbered(server, 'Ada piles', 3);
  const asked = collectDeletes(page);
  await openWithoutTime(page, server, 'Ada piles', images);
  await removeCard(page, 0);
  await page.clock.runFor(9_000);
  await removeCard(page, 0);
  assert.match(await galleryOf(page).bar.textContent(), /2 images deleted\.\s+10 seconds left/);
  await page.clock.runFor(9_999);
  assert.deepEqual(asked, []);
  await page.clock.runFor(1);
  await expectSoon(() => statuses(server, images), [410, 410, 200]);
  await expectSoon(() => asked.length, 2);
});

it('the time stands still while the focus or the pointer is at the bar', async (page, { server }) => {
  const images = await uploadNumbered(server, 'Ada ponders', 2);
  const asked = collectDeletes(page);
  await openWithoutTime(page, server, 'Ada ponders', images);
  const { bar, undo } = galleryOf(page);
  await removeCard(page, 0);
  await page.clock.runFor(4_000);
  await undo.focus();
  await page.clock.runFor(3_600_000);
  assert.match(await bar.textContent(), /6 seconds left/);
  await page.keyboard.press('Shift+Tab');
  await page.clock.runFor(1_000);
  assert.match(await bar.textContent(), /5 seconds left/);

  await bar.hover();
  await page.clock.runFor(3_600_000);
  assert.match(await bar.textContent(), /5 seconds left/);
  // One of the two is enough.
  await undo.focus();
  await page.mouse.move(2, 2);
  await page.clock.runFor(3_600_000);
  await bar.hover();
  await page.keyboard.press('Shift+Tab');
  await page.clock.runFor(3_600_000);
  assert.match(await bar.textContent(), /5 seconds left/);
  assert.deepEqual(asked, []);
  await page.mouse.move(2, 2);
  await page.clock.runFor(5_000);
  await expectSoon(() => statuses(server, images), [410, 200]);
});

for (const [how, leave] of [
  ['goes elsewhere', (page, { url }) => page.goto(`${url}docs`)],
  ['reloads it', (page) => page.reload()],
  ['closes it', (page) => page.close({ runBeforeUnload: true })],
]) {
  it(
    `sends what is waiting when the person leaves the page: who ${how} expects it deleted`,
    async (page, { server }) => {
      const images = await uploadNumbered(server, `Ada ${how}`, 3);
      await openAsOwner(page, server, images, addressOf(`Ada ${how}`));
      await expectShown(page, images);
      await page.context().newPage();
      await page.bringToFront();
      // At once: the second while what undoes them is being loaded.
      await press(page, 0);
      await press(page, 0);
      await galleryOf(page).bar.getByText('2 images deleted.').waitFor();
      await leave(page, server);
      await expectSoon(() => statuses(server, images), [410, 410, 200]);
    },
    // The list may have been faster than the delete.
    { complaints: [/410/] },
  );
}

it(
  'takes it for done when somebody else was faster',
  async (page, { server }) => {
    const images = await uploadNumbered(server, 'Ada second', 2);
    await openWithoutTime(page, server, 'Ada second', images);
    await removeCard(page, 0);
    await removeElsewhere(server, images[0]);
    await page.clock.runFor(10_000);
    await expectSoon(() => tokens(page), 1);
    await expectShown(page, [images[1]]);
    assert.equal(await galleryOf(page).region.getByRole('alert').filter({ hasText: /./ }).count(), 0);
  },
  { complaints: [/410/] },
);

it(
  'brings a card back with the reason when its token is not right',
  async (page, { server }) => {
    const images = await uploadNumbered(server, 'Ada mistook', 2);
    await openWithoutTime(page, server, 'Ada mistook', [images[0], { ...images[1], delete_token: images[0].delete_token }]);
    await removeCard(page, 1);
    await expectShown(page, [images[0]]);
    await page.clock.runFor(10_000);
    await expectShown(page, images);
    const alert = galleryOf(page).cards.nth(1).getByRole('alert');
    await alert.filter({ hasText: 'This image could not be deleted. This delete link does not belong to this image.' }).waitFor();
    assert.equal(await galleryOf(page).cards.nth(0).getByRole('alert').filter({ hasText: /./ }).count(), 0);
  },
  { complaints: [/403/] },
);

it('sends it also when the person leaves before the page could offer to undo it', async (page, { server }) => {
  const images = await uploadNumbered(server, 'Ada at once', 2);
  await openAsOwner(page, server, images, addressOf('Ada at once'));
  await expectShown(page, images);
  // It never comes.
  await page.route('**/undo-bar.js', () => {});
  await press(page, 0);
  await expectShown(page, [images[1]]);
  await page.goto(`${server.url}docs`);
  await expectSoon(() => statuses(server, images), [410, 200]);
});

it(
  'deletes nothing that could not be undone, and says why',
  async (page, { server }) => {
    const images = await uploadNumbered(server, 'Ada unplugged', 2);
    const asked = collectDeletes(page);
    await page.route('**/undo-bar.js', (route) => route.abort());
    await openWithoutTime(page, server, 'Ada unplugged', images);
    await press(page, 0);
    await galleryOf(page).cards.nth(0).getByRole('alert').filter({ hasText: 'This part of the page could not be loaded.' }).waitFor();
    await page.clock.runFor(60_000);
    await expectShown(page, images);
    assert.deepEqual(asked, []);
  },
  { complaints: [/ERR_FAILED/] },
);

// The last one: it ends the server.
it(
  'brings cards back with the reason when the server is away, wherever the person is by then, and deletes them at the next try',
  async (page, { server }) => {
    const images = await uploadNumbered(server, 'Ada cut off', 2);
    const other = await upload(server, await fixture('lake.png'), { uploader: 'Grace cut off' });
    await openWithoutTime(page, server, 'Ada cut off', images);
    await removeCard(page, 0);
    await server.kill();
    await page.clock.runFor(10_000);
    await expectShown(page, images);
    await galleryOf(page).cards.nth(0).getByRole('alert').filter({ hasText: 'This image could not be deleted. The server cannot be reached.' }).waitFor();

    await server.restart();
    await removeCard(page, 0);
    await galleryOf(page).name.fill('Grace cut off');
    await galleryOf(page).name.press('Enter');
    await expectShown(page, [other]);
    await server.kill();
    await page.clock.runFor(10_000);
    await galleryOf(page).region.getByRole('alert').filter({ hasText: 'This image could not be deleted. The server cannot be reached.' }).waitFor();
    await expectShown(page, [other]);

    await server.restart();
    await page.goBack();
    await expectShown(page, images);
    await removeCard(page, 0);
    await page.clock.runFor(10_000);
    await expectSoon(() => statuses(server, images), [410, 200]);
    await expectShown(page, [images[1]]);
  },
  { complaints: [/ERR_/, /410/] },
);

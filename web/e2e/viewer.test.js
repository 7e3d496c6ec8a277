import assert from 'node:assert/strict';

import { statusOf, upload } from './support/api.js';
import { cardsOf, isLoaded } from './support/form.js';
import {
  addressOf,
  endsReached,
  expectImage,
  expectShown,
  focused,
  galleryOf,
  hasFocus,
  hashIn,
  linkOf,
  openAsOwner,
  uploadNumbered,
  viewerOf,
} from './support/gallery.js';
import { fixture, smoothPng } from './support/images.js';
import { expectSoon } from './support/soon.js';
import { suite } from './support/suite.js';

const { it } = suite();

const PAGE_SIZE = 12;

it('shows an image large, with all that is known of it', async (page, { server }) => {
  const image = await upload(server, { ...(await fixture('hills.jpg')), name: '<i>hills</i>.jpg' }, { uploader: 'Ada <b>large</b>', alt: 'Hills & "hollows"' });
  await page.goto(server.url);
  await cardsOf(page, 'Ada <b>large</b>').getByRole('link').click();
  const { dialog, title, picture, close, remove: removal } = viewerOf(page);
  await expectImage(page, image);
  assert.equal(await title.textContent(), 'Image by Ada <b>large</b>');
  assert.ok(await isLoaded(picture));
  assert.equal(await picture.getAttribute('alt'), 'Hills & "hollows"');
  await dialog.getByText(/^320\s×\s240, 4\.1/).waitFor();
  await dialog.getByText('Stored in S3 and in the database.').waitFor();
  assert.equal(await dialog.getByRole('time').getAttribute('datetime'), image.created_at);
  const links = await dialog.getByRole('link').evaluateAll((all) => all.map((link) => [link.href, link.textContent]));
  assert.deepEqual(links, [[image.link, image.link], [image.url, image.url]]);
  assert.equal(await dialog.getByRole('combobox').count(), 1, 'it can be copied');
  assert.equal(await removal.count(), 0, 'it is not one’s own');
  await close.click();
  await dialog.waitFor({ state: 'hidden' });
  assert.equal(await hasFocus(cardsOf(page, 'Ada <b>large</b>').getByRole('link')), true);
  await page.waitForURL(server.url);
});

it('is used with the keyboard alone, and gives the focus back to what was seen last', async (page, { server }) => {
  const images = await uploadNumbered(server, 'Ada keys', 3);
  await page.goto(`${server.url}${addressOf('Ada keys')}`);
  await expectShown(page, images);
  await linkOf(page, 0).focus();
  await page.keyboard.press('Enter');
  await expectImage(page, images[0]);
  assert.deepEqual(await endsReached(page), ['true', 'false']);
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('ArrowRight');
  await expectImage(page, images[1]);
  await page.keyboard.press('ArrowRight');
  await expectImage(page, images[2]);
  assert.deepEqual(await endsReached(page), ['false', 'true']);
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowLeft');
  await expectImage(page, images[1]);

  // The way back of the browser is its own.
  await page.keyboard.press('Shift+ArrowRight');
  await viewerOf(page).dialog.getByRole('combobox').focus();
  await page.keyboard.press('ArrowRight');
  await viewerOf(page).dialog.getByRole('textbox').focus();
  await page.keyboard.press('ArrowRight');
  await expectImage(page, images[1]);

  await viewerOf(page).next.focus();
  await page.keyboard.press('Enter');
  await expectImage(page, images[2]);
  assert.equal(await hasFocus(viewerOf(page).next), true, 'the focus stays, though there is no more');
  await page.keyboard.press('Escape');
  await viewerOf(page).dialog.waitFor({ state: 'hidden' });
  assert.equal(await hasFocus(linkOf(page, 2)), true);
  await expectSoon(() => hashIn(page), '#/by/Ada%20keys');
  await page.goBack();
  assert.equal(page.url(), 'about:blank', 'going through images leaves nothing behind');
});

it('keeps the focus inside while it is open', async (page, { server }) => {
  const images = await uploadNumbered(server, 'Ada inside', 2);
  await page.goto(`${server.url}${addressOf('Ada inside')}`);
  await expectShown(page, images);
  await linkOf(page, 0).click();
  await expectImage(page, images[0]);
  for (let turn = 0; turn < 12; turn += 1) {
    await page.keyboard.press('Tab');
    // Beyond its last control a browser offers its own before it begins anew.
    assert.ok(await page.evaluate(() => document.activeElement === document.body || document.activeElement.closest('dialog') !== null));
  }
});

it('turns its arrows around where one reads from the right to the left', async (page, { server }) => {
  const images = await uploadNumbered(server, 'Ada rtl', 2);
  await page.goto(`${server.url}${addressOf('Ada rtl')}`);
  await expectShown(page, images);
  await page.evaluate(() => {
    document.documentElement.dir = 'rtl';
  });
  await linkOf(page, 0).click();
  await expectImage(page, images[0]);
  await page.keyboard.press('ArrowLeft');
  await expectImage(page, images[1]);
  await page.keyboard.press('ArrowRight');
  await expectImage(page, images[0]);
  const [previous, next] = [await viewerOf(page).previous.boundingBox(), await viewerOf(page).next.boundingBox()];
  assert.ok(previous.x > next.x);
});

it('says to those who do not see it which image comes next', async (page, { server }) => {
  const images = await uploadNumbered(server, 'Ada aloud', 2);
  await page.goto(`${server.url}${addressOf('Ada aloud')}`);
  await expectShown(page, images);
  await linkOf(page, 0).click();
  await expectImage(page, images[0]);
  const said = viewerOf(page).dialog.getByRole('status');
  assert.equal(await said.textContent(), '', 'the dialog says its own title');
  await page.keyboard.press('ArrowRight');
  await expectImage(page, images[1]);
  assert.equal(await said.textContent(), 'Image by Ada aloud. Ada aloud, number 1');
});

it('loads the next page of the list when it comes to the end of what is there', async (page, { server }) => {
  const images = await uploadNumbered(server, 'Ada on', PAGE_SIZE + 1);
  await page.goto(`${server.url}${addressOf('Ada on')}`);
  await expectShown(page, images.slice(0, PAGE_SIZE));
  await linkOf(page, PAGE_SIZE - 1).click();
  await expectImage(page, images[PAGE_SIZE - 1]);
  await page.keyboard.press('ArrowRight');
  await expectImage(page, images[PAGE_SIZE]);
  assert.deepEqual(await endsReached(page), ['false', 'true']);
  await viewerOf(page).close.click();
  await expectShown(page, images);
  await expectSoon(() => hasFocus(linkOf(page, PAGE_SIZE)), true);
});

it(
  'says when that page cannot be loaded, and loads it at the next try',
  async (page, { server }) => {
    const images = await uploadNumbered(server, 'Ada off', PAGE_SIZE + 1);
    await page.goto(`${server.url}${addressOf('Ada off')}`);
    await expectShown(page, images.slice(0, PAGE_SIZE));
    await page.route('**/api/v1/images?*', (route) => route.abort());
    await linkOf(page, PAGE_SIZE - 1).click();
    await expectImage(page, images[PAGE_SIZE - 1]);
    await page.keyboard.press('ArrowRight');
    await viewerOf(page).alert.filter({ hasText: 'The images could not be loaded.' }).waitFor();
    await page.unroute('**/api/v1/images?*');
    await viewerOf(page).next.click();
    await expectImage(page, images[PAGE_SIZE]);
    assert.equal(await viewerOf(page).alert.count(), 0);
  },
  { complaints: [/ERR_FAILED/] },
);

it('loads what fits the window: the original of what is small, moves or is wanted large', async (page, { server }) => {
  const large = await upload(server, smoothPng(3000, 2000, 7), { uploader: 'Ada fits', alt: 'large' });
  const gif = await upload(server, await fixture('dusk.gif'), { uploader: 'Ada fits', alt: 'moving' });
  const asked = [];
  page.on('request', (request) => asked.push(new URL(request.url()).pathname));
  await page.goto(`${server.url}${addressOf('Ada fits')}`);
  await expectShown(page, [gif, large]);
  await linkOf(page, 0).click();
  await expectImage(page, gif);
  assert.ok(await isLoaded(viewerOf(page).picture));
  assert.ok(asked.includes(new URL(gif.link).pathname));
  await page.keyboard.press('ArrowRight');
  await expectImage(page, large);
  assert.ok(await isLoaded(viewerOf(page).picture));
  assert.ok(asked.includes(`/i/${large.id}/medium`));
  await page.keyboard.press('Escape');
  await viewerOf(page).dialog.waitFor({ state: 'hidden' });
  assert.ok(!asked.includes(new URL(large.link).pathname));

  await page.setViewportSize({ width: 2400, height: 1500 });
  await linkOf(page, 1).click();
  await expectImage(page, large);
  assert.ok(await isLoaded(viewerOf(page).picture));
  assert.ok(asked.includes(new URL(large.link).pathname));
});

it('moves nothing when the picture comes, nor from one image to the next', async (page, { server }) => {
  const broad = await upload(server, smoothPng(1200, 300, 1), { uploader: 'Ada still', alt: 'broad' });
  const tall = await upload(server, smoothPng(300, 1200, 2), { uploader: 'Ada still', alt: 'tall' });
  await page.goto(`${server.url}${addressOf('Ada still')}`);
  await expectShown(page, [tall, broad]);
  await page.route('**/i/**', () => {});
  await linkOf(page, 0).click();
  await expectImage(page, tall);
  const places = () =>
    viewerOf(page).dialog.evaluate((dialog) =>
      [dialog, ...dialog.querySelectorAll('button, .image-viewer__stage, .image-viewer__words')].map((each) => JSON.stringify(each.getBoundingClientRect())),
    );
  const frame = () => viewerOf(page).dialog.locator('.picture').boundingBox();
  const [before, reserved] = [await places(), await frame()];
  await page.unrouteAll({ behavior: 'ignoreErrors' });
  await page.keyboard.press('ArrowRight');
  await expectImage(page, broad);
  await page.keyboard.press('ArrowLeft');
  await expectImage(page, tall);
  assert.ok(await isLoaded(viewerOf(page).picture));
  assert.deepEqual(await places(), before);
  assert.deepEqual(await frame(), reserved);
  assert.ok(Math.abs(reserved.width / reserved.height - 0.25) < 0.01);
});

it(
  'goes on by a swipe, and not by a scroll or with two fingers',
  async (page, { server }) => {
    const images = await uploadNumbered(server, 'Ada swipes', 2);
    await page.goto(`${server.url}${addressOf('Ada swipes')}`);
    await expectShown(page, images);
    await linkOf(page, 0).tap();
    await expectImage(page, images[0]);
    const session = await page.context().newCDPSession(page);
    const touch = (type, ...points) =>
      session.send('Input.dispatchTouchEvent', { type, touchPoints: points.map(([x, y], id) => ({ x, y, id })) });
    const swipe = async (...path) => {
      await touch('touchStart', ...path[0]);
      for (const points of path.slice(1)) {
        await touch('touchMove', ...points);
      }
      await touch('touchEnd');
    };
    await swipe([[300, 300]], [[280, 200]], [[270, 100]]);
    await swipe([[300, 300]], [[280, 300]]);
    await swipe([[300, 300], [100, 300]], [[200, 300], [150, 300]]);
    await expectImage(page, images[0]);
    await swipe([[300, 300]], [[200, 305]], [[100, 310]]);
    await expectImage(page, images[1]);
    await swipe([[100, 300]], [[200, 300]], [[300, 300]]);
    await expectImage(page, images[0]);
  },
  { context: { viewport: { width: 390, height: 844 }, hasTouch: true } },
);

it('deletes one’s own, which can be undone when it is closed', async (page, { server }) => {
  const images = await uploadNumbered(server, 'Ada owns', 2);
  await openAsOwner(page, server, [images[1]], addressOf('Ada owns'));
  await expectShown(page, images);
  await linkOf(page, 0).click();
  await expectImage(page, images[0]);
  assert.equal(await viewerOf(page).remove.count(), 0);
  await page.keyboard.press('ArrowRight');
  await expectImage(page, images[1]);
  await viewerOf(page).remove.click();
  await viewerOf(page).dialog.waitFor({ state: 'hidden' });
  await expectShown(page, [images[0]]);
  await expectSoon(() => focused(page), 'Images by Ada owns');
  await page.keyboard.press('Tab');
  assert.equal(await hasFocus(galleryOf(page).undo), true);
  await page.keyboard.press('Enter');
  await expectShown(page, images);
  assert.equal(await hasFocus(linkOf(page, 1)), true);
  assert.equal(await statusOf(server, images[1].id), 200);
});

for (const [what, viewport] of [
  ['a narrow', { width: 320, height: 568 }],
  ['a low', { width: 640, height: 360 }],
]) {
  it(
    `fits ${what} screen, and all of it can be reached there`,
    async (page, { server }) => {
      const [image] = await uploadNumbered(server, 'W'.repeat(90) + what.length, 1, { alt: 'M'.repeat(400) });
      await openAsOwner(page, server, [image], `#/image/${image.id}`);
      await expectImage(page, image);
      const { dialog } = viewerOf(page);
      assert.equal(await dialog.evaluate((element) => element.scrollWidth <= element.clientWidth), true);
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), viewport.width);
      await viewerOf(page).remove.scrollIntoViewIfNeeded();
      const box = await viewerOf(page).remove.boundingBox();
      assert.ok(box.y >= 0 && box.y + box.height <= viewport.height);
    },
    { context: { viewport } },
  );
}

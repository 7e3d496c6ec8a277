/*
 * The gallery as a person sees it, and one's own images as the browser keeps them.
 */

import assert from 'node:assert/strict';

import { upload } from './api.js';
import { smoothPng } from './images.js';
import { expectSoon } from './soon.js';

let seed = 0;

/** What the gallery is on an open page: by labels, names and roles only. */
export function galleryOf(page) {
  const region = page.getByRole('region', { name: /^(Recent images|Your images|Images by .*)$/ });
  const button = (name) => region.getByRole('button', { name, exact: true });
  return {
    region,
    title: region.getByRole('heading', { level: 2 }),
    cards: region.locator('image-card'),
    everyones: button('Everyone’s'),
    mine: button('Mine'),
    name: region.getByRole('searchbox', { name: 'Images by' }),
    show: button('Show'),
    clear: button('Clear'),
    more: button('Load more'),
    select: button('Select'),
    undo: button('Undo'),
    bar: region.getByRole('group', { name: 'Deleted images' }),
    remove: (card) => card.getByRole('button', { name: /^Delete your image/ }),
  };
}

/** The large view. */
export function viewerOf(page) {
  const dialog = page.getByRole('dialog');
  const button = (name) => dialog.getByRole('button', { name, exact: true });
  return {
    dialog,
    title: dialog.getByRole('heading', { level: 2 }),
    picture: dialog.locator('.picture img'),
    alert: dialog.getByRole('alert').filter({ hasText: /./ }),
    previous: button('Previous'),
    next: button('Next'),
    close: button('Close'),
    remove: button('Delete'),
  };
}

/** Opens the page in a browser that knows these images as its own. */
export async function openAsOwner(page, { url }, images, hash = '') {
  await page.goto(url);
  await page.evaluate((own) => own.forEach(([id, token]) => localStorage.setItem(`image-handler.delete-token.${id}`, token)),
    images.map(({ id, delete_token: token }) => [id, token]),
  );
  await page.goto(`${url}${hash}`);
  await page.reload();
}

/** The ids that are shown, in the order in which they are. */
export function idsShown(page) {
  return galleryOf(page).region.locator('.image-card__picture').evaluateAll((all) => all.map(({ href }) => /\/i\/([^.]+)\./.exec(href)[1]));
}

/** Until exactly these images are shown, in this order. */
export function expectShown(page, images) {
  return expectSoon(() => idsShown(page), images.map(({ id }) => id));
}

/** The name of what has the focus, or its text. */
export function focused(page) {
  return page.evaluate(() => document.activeElement.ariaLabel ?? document.activeElement.textContent.trim());
}

/** Images with numbers for descriptions, as they are listed: the last one first. */
export async function uploadNumbered(server, uploader, count, options = {}) {
  const images = [];
  for (let turn = 1; turn <= count; turn += 1) {
    seed += 1;
    images.push(await upload(server, smoothPng(300, 200, seed % 16), { uploader, alt: `${uploader}, number ${turn}`, ...options }));
  }
  return images.reverse();
}

/** Deletes it as somebody else would. */
export async function removeElsewhere(server, { id, delete_token: token }) {
  const headers = { Authorization: `Bearer ${token}` };
  assert.equal((await fetch(`${server.url}api/v1/images/${id}`, { method: 'DELETE', headers })).status, 204);
}

/** Of an uploader's images. */
export function addressOf(uploader) {
  return `#/by/${encodeURIComponent(uploader)}`;
}

export function hashIn(page) {
  return new URL(page.url()).hash;
}

export function linkOf(page, index) {
  return galleryOf(page).cards.nth(index).getByRole('link');
}

export function hasFocus(locator) {
  return locator.evaluate((element) => element === document.activeElement);
}

/** Until the large view shows this image, which has a description of its own. */
export async function expectImage(page, { alt, id }) {
  await viewerOf(page).dialog.getByText(alt, { exact: true }).waitFor();
  assert.equal(hashIn(page), `#/image/${id}`);
}

/** Of its buttons back and forth: cannot they be used? */
export async function endsReached(page) {
  const { previous, next } = viewerOf(page);
  return [await previous.getAttribute('aria-disabled'), await next.getAttribute('aria-disabled')];
}

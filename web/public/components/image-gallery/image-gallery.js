/*
 * <image-gallery>: recent images, newest first, page by page, with a delete
 * button on those that were uploaded from this browser. Where the site does not
 * list images to everybody, it shows these alone.
 * Tells "images-listed" (detail: a page of images) and "delete-wanted"
 * (detail: the image).
 * May import lib.
 */

import { findImage, listImages } from '../../lib/api.js';
import { asFailure } from '../../lib/failure.js';
import { formatBytes, formatDimensions, formatTime } from '../../lib/format.js';
import { listOwnImages } from '../../lib/own-images.js';
import { announce, fromTemplate, part, tell } from '../../lib/page.js';
import { makePicture } from '../../lib/picture.js';
import { describeFailure, describePending } from '../../lib/wording.js';

const PAGE_SIZE = 12;
/** Of a card for its picture, in rem: as the style sheet lays the cards out. */
const ROOM = { width: 29, height: 10.5 };

class ImageGallery extends HTMLElement {
  /** Set by registerImageGallery(). @type {import('../../lib/memory.js').Memory} */
  static memory;

  /** Of the server. @type {import('../../lib/restrict.js').Limits | null} null while unknown */
  limits = null;

  #ownOnly = false;
  #cards = new Map();
  #gone = new Set();
  #cursor = null;
  #loading = false;
  #parts;

  connectedCallback() {
    const names = ['title', 'list', 'empty', 'error', 'more'];
    this.#parts = Object.fromEntries(names.map((name) => [name, part(this, name)]));
    this.#parts.more.addEventListener('click', () => this.#loadMore());
  }

  /** From now on only images uploaded from this browser. */
  showOwnOnly() {
    this.#ownOnly = true;
    this.#parts.title.textContent = 'Your images';
    this.#parts.empty.textContent = 'No images yet. Those that you upload from this browser are listed here.';
  }

  /** The next page; the first one at first. @returns {Promise<HTMLElement[]>} the new cards */
  async load() {
    if (this.#loading) {
      return [];
    }
    this.#loading = true;
    this.#showLoading(true);
    this.#parts.error.textContent = '';
    try {
      const page = await this.#nextPage();
      this.#cursor = page.next_cursor;
      const fresh = page.items.filter(({ id }) => !this.#cards.has(id) && !this.#gone.has(id));
      const cards = fresh.map((image) => this.#makeCard(image));
      this.#parts.list.append(...cards);
      this.#parts.more.hidden = this.#cursor === null;
      this.#parts.more.textContent = 'Load more';
      tell(this, 'images-listed', fresh);
      return cards;
    } catch (error) {
      this.#parts.error.textContent = `The images could not be loaded. ${describeFailure(asFailure(error)).text}`;
      this.#parts.more.hidden = false;
      this.#parts.more.textContent = 'Try again';
      return [];
    } finally {
      this.#loading = false;
      this.#showLoading(false);
    }
  }

  /** An image that was just uploaded: it is the newest. */
  add(image) {
    // It may be there already: stored by a first try whose answer was lost. Now it is known to be one's own.
    this.#cards.get(image.id)?.remove();
    this.#parts.list.prepend(this.#makeCard(image));
    this.#showEmpty();
  }

  update(image) {
    const card = this.#cards.get(image.id);
    if (card) {
      showPending(card, image);
    }
  }

  remove(id) {
    // A page that is on its way may still hold it.
    this.#gone.add(id);
    this.#cards.get(id)?.remove();
    this.#cards.delete(id);
    this.#showEmpty();
  }

  focusTitle() {
    this.#parts.title.focus();
  }

  async #nextPage() {
    const wanted = { limit: PAGE_SIZE, cursor: this.#cursor };
    if (!this.#ownOnly) {
      try {
        return await listImages(wanted);
      } catch (error) {
        if (error.code !== 'admin-key-missing') {
          throw error;
        }
        // The limits would have said so; they could not be had.
        this.showOwnOnly();
      }
    }
    return listOwnImages(wanted, { memory: ImageGallery.memory, find: findImage });
  }

  async #loadMore() {
    const cards = await this.load();
    if (cards.length === 0) {
      return;
    }
    announce(cards.length === 1 ? 'One more image.' : `${cards.length} more images.`);
    // Go on reading where the new ones begin; the button may be gone.
    part(cards[0], 'picture').focus();
  }

  #showLoading(loading) {
    this.#parts.list.setAttribute('aria-busy', String(loading));
    // Not `disabled`: that would throw the focus away while the answer is awaited.
    this.#parts.more.setAttribute('aria-disabled', String(loading));
    this.#showEmpty();
  }

  #showEmpty() {
    const failed = this.#parts.error.textContent !== '';
    this.#parts.empty.hidden = this.#loading || failed || this.#cards.size > 0 || this.#cursor !== null;
  }

  #makeCard(image) {
    const card = fromTemplate('image-card');

    const variantSizes = this.limits?.variant_sizes ?? null;
    part(card, 'picture').href = image.link;
    part(card, 'picture').append(makePicture(image, { variantSizes, room: ROOM, lazy: true }));

    part(card, 'uploader').textContent = image.uploader;
    part(card, 'time').dateTime = image.created_at;
    part(card, 'time').textContent = formatTime(image.created_at);
    part(card, 'facts').textContent = `${formatDimensions(image.width, image.height)}, ${formatBytes(image.size_bytes)}`;
    showPending(card, image);

    if (ImageGallery.memory.tokenOf(image.id) !== null) {
      part(card, 'delete-what').textContent = ` your image of ${formatTime(image.created_at)}`;
      part(card, 'delete').hidden = false;
      part(card, 'delete').addEventListener('click', () => tell(this, 'delete-wanted', image));
    }

    this.#cards.set(image.id, card);
    return card;
  }
}

export function registerImageGallery({ memory }) {
  ImageGallery.memory = memory;
  customElements.define('image-gallery', ImageGallery);
}

function showPending(card, image) {
  const text = describePending(image.storage);
  part(card, 'pending').hidden = text === null;
  part(card, 'pending').textContent = text ?? '';
}

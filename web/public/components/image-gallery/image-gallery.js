/*
 * <image-gallery>: everyone's images, those of one uploader, or those uploaded
 * from this browser, newest first, page by page. Where the site does not list
 * images to everybody, the last alone.
 * Tells "images-listed" (detail: a page of images), "delete-wanted" (detail:
 * images), "view-wanted" (detail: a View, see lib/route.js) and "own-tools-wanted";
 * its cards tell more.
 * May import lib.
 */

import { findImage, listImages } from '../../lib/api.js';
import { asFailure } from '../../lib/failure.js';
import { ImageList } from '../../lib/image-list.js';
import { text } from '../../lib/language.js';
import { listOwnImages } from '../../lib/own-images.js';
import { announce, fromTemplate, part, tell } from '../../lib/page.js';
import { hashOf } from '../../lib/route.js';
import { describeFailure } from '../../lib/wording.js';

const PAGE_SIZE = 12;
const MINE = { name: 'mine' };
const TITLES = { home: 'gallery.titleHome', mine: 'gallery.titleMine', by: 'gallery.titleBy' };
const EMPTY = { home: 'gallery.emptyHome', mine: 'gallery.emptyMine', by: 'gallery.emptyBy' };

class ImageGallery extends HTMLElement {
  /** Set by registerImageGallery(). @type {import('../../lib/memory.js').Memory} */
  static memory;

  /** Of the server. @type {import('../../lib/restrict.js').Limits | null} null while unknown */
  limits = null;

  #view = { name: 'home' };
  #ownOnly = false;
  #list = null;
  #cards = new Map();
  #gone = new Set();
  #loading = null;
  #selecting = false;
  #parts;

  connectedCallback() {
    const names = ['title', 'views', 'own', 'list', 'empty', 'error', 'more'];
    this.#parts = Object.fromEntries(names.map((name) => [name, part(this, name)]));
    this.#parts.more.addEventListener('click', () => this.#loadMore());
    this.#parts.list.addEventListener('change', () => this.#showSelection());
    this.addEventListener('uploader-wanted', ({ detail: uploader }) => {
      tell(this, 'view-wanted', { name: 'by', uploader });
      this.focusTitle();
    });
    this.addEventListener('selecting-changed', ({ detail }) => this.#select(detail));
    this.addEventListener('select-all-wanted', () => {
      this.#cards.forEach((card) => Object.assign(card, { selected: true }));
      this.#showSelection();
    });
    this.addEventListener('delete-selected-wanted', () => {
      const images = this.#selected.map(({ image }) => image);
      this.#parts.own.stop();
      tell(this, 'delete-wanted', images);
    });
    this.addEventListener('own-images-imported', () => this.#reload());
  }

  get view() {
    return this.#view;
  }

  /** What went wrong with the last page; empty if nothing did. */
  get error() {
    return this.#parts.error.textContent;
  }

  /** From now on only images uploaded from this browser. */
  showOwnOnly() {
    this.#ownOnly = true;
    this.#parts.views.hidden = true;
    this.#setView(MINE);
  }

  /** @param {import('../../lib/route.js').View} view */
  show(view) {
    const wanted = this.#ownOnly ? MINE : view;
    if (hashOf(wanted) !== hashOf(this.#view)) {
      this.#setView(wanted);
      // Before the first page, which waits for the limits.
      if (this.#list !== null) {
        this.#reload();
      }
    }
  }

  /** The next page; the first one at first. @returns {Promise<import('../../lib/image.js').Image[]>} what is new */
  load() {
    this.#list ??= new ImageList((cursor) => this.#askForPage(cursor), this.#gone);
    if (this.#loading === null) {
      this.#loading = this.#loadInto(this.#list);
      this.#showState();
    }
    return this.#loading;
  }

  /** An image that was just uploaded. */
  add(image) {
    if (this.#list === null || !this.#belongs(image)) {
      return;
    }
    // It may be there already: stored by a first try whose answer was lost. Now it is known to be one's own.
    this.#drop(image.id);
    this.#list.add(image);
    this.#place(image);
    this.#showState();
  }

  update(image) {
    this.#cards.get(image.id)?.update(image);
  }

  remove(id) {
    // A page that is on its way may still hold it.
    this.#gone.add(id);
    this.#list?.remove(id);
    if (this.#cards.get(id)?.contains(document.activeElement)) {
      this.focusTitle();
    }
    this.#drop(id);
    this.#showState();
  }

  /** It was not deleted after all. @param {string} [reason] why it could not be */
  restore(image, reason = '') {
    this.#gone.delete(image.id);
    this.add(image);
    const card = this.#cards.get(image.id);
    if (card) {
      card.error = reason;
    } else if (reason !== '') {
      this.#parts.error.textContent = reason;
    }
  }

  /** The image as the list has it. */
  find(id) {
    return this.#cards.get(id)?.image;
  }

  /** Whether there is, or may be, an older (1) or newer (-1) one. */
  goesOn(id, step) {
    return this.#list?.neighbour(id, step) !== undefined || (step > 0 && this.#list?.mayGoOn(id) === true);
  }

  /** The next older or newer one, from the next page if need be. */
  async neighbour(id, step) {
    if (step > 0 && this.#list?.mayGoOn(id)) {
      await this.load();
    }
    return this.#list?.neighbour(id, step);
  }

  /** Reading goes on there. Nothing moves: the person may be far down the list. */
  focusTitle() {
    this.#parts.title.focus({ preventScroll: true });
  }

  focusImage(id) {
    const card = this.#cards.get(id);
    if (card) {
      card.focus();
    } else {
      this.focusTitle();
    }
  }

  #setView(view) {
    this.#view = view;
    // While it is not loaded nothing is selected.
    this.#parts.own.stop?.();
    const { title, empty, views, own } = this.#parts;
    title.textContent = text(TITLES[view.name], view);
    empty.textContent = text(EMPTY[view.name], view);
    views.view = view;
    own.hidden = view.name !== 'mine';
    if (!own.hidden) {
      tell(this, 'own-tools-wanted');
    }
  }

  /** From the first page. Its place is kept until it comes. */
  #reload() {
    const { list } = this.#parts;
    list.style.minBlockSize = `${list.getBoundingClientRect().height}px`;
    list.replaceChildren();
    this.#cards.clear();
    this.#list = null;
    this.#loading = null;
    this.load();
  }

  async #loadInto(list) {
    this.#parts.error.textContent = '';
    let fresh = [];
    let failure = null;
    try {
      fresh = await list.more();
    } catch (error) {
      failure = asFailure(error);
    }
    if (list !== this.#list) {
      return [];
    }
    this.#loading = null;
    if (failure !== null) {
      this.#parts.error.textContent = text('gallery.failed', { reason: describeFailure(failure).text });
    }
    // Backwards: what an image stands before is there.
    fresh.toReversed().forEach((image) => this.#place(image));
    this.#parts.list.style.minBlockSize = '';
    this.#showState();
    tell(this, 'images-listed', fresh);
    return fresh;
  }

  async #askForPage(cursor) {
    const wanted = { limit: PAGE_SIZE, cursor };
    if (this.#view.name !== 'mine') {
      try {
        return await listImages({ ...wanted, uploader: this.#view.uploader });
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
    const [first, ...others] = await this.load();
    if (first === undefined) {
      return;
    }
    announce(text('gallery.loaded', { count: others.length + 1 }));
    // Go on reading where the new ones begin; the button may be gone.
    this.focusImage(first.id);
  }

  #belongs({ uploader }) {
    return this.#view.name !== 'by' || this.#view.uploader === uploader;
  }

  #place(image) {
    const item = fromTemplate('image-item');
    const before = this.#cards.get(this.#list.neighbour(image.id, 1)?.id);
    this.#parts.list.insertBefore(item, before?.parentElement ?? null);
    const [card] = item.children;
    card.show(image, {
      own: ImageGallery.memory.tokenOf(image.id) !== null,
      filterable: !this.#ownOnly,
      variantSizes: this.limits?.variant_sizes ?? null,
    });
    card.selectable = this.#selecting;
    this.#cards.set(image.id, card);
  }

  #drop(id) {
    this.#cards.get(id)?.parentElement.remove();
    this.#cards.delete(id);
  }

  get #selected() {
    return [...this.#cards.values()].filter(({ selected }) => selected);
  }

  #select(selecting) {
    this.#selecting = selecting;
    this.#cards.forEach((card) => Object.assign(card, { selectable: selecting }));
  }

  #showSelection() {
    this.#parts.own.count = this.#selected.length;
  }

  #showState() {
    const { list, more, empty } = this.#parts;
    const loading = this.#loading !== null;
    const ended = this.#list?.ended ?? false;
    const failed = this.error !== '';
    list.ariaBusy = String(loading);
    // Not `disabled`: that would throw the focus away while the answer is awaited.
    more.ariaDisabled = String(loading);
    more.hidden = ended || (loading && this.#cards.size === 0);
    more.textContent = text(failed ? 'gallery.again' : 'gallery.more');
    empty.hidden = loading || failed || this.#cards.size > 0 || !ended;
  }
}

export function registerImageGallery({ memory }) {
  ImageGallery.memory = memory;
  customElements.define('image-gallery', ImageGallery);
}

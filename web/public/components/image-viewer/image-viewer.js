/*
 * <image-viewer>: one image, large, with all that is known of it, and the way to
 * the ones beside it: buttons, arrow keys, a swipe. Loaded when it is wanted.
 * Tells "viewer-step-wanted" (detail: {id, step}; 1 is older), "viewer-closed"
 * and "image-gone" (detail of both: the id), and "delete-wanted" (detail: [the image]).
 * May import lib.
 */

import { findImage } from '../../lib/api.js';
import { asFailure } from '../../lib/failure.js';
import { formatBytes, formatDimensions, formatTime } from '../../lib/format.js';
import { text } from '../../lib/language.js';
import { part, tell } from '../../lib/page.js';
import { makePicture } from '../../lib/picture.js';
import { describeFailure, describePending } from '../../lib/wording.js';

const SWIPE_PX = 48;
/** Their variants show the first frame only. */
const MAY_MOVE = ['image/gif', 'image/webp'];

class ImageViewer extends HTMLElement {
  /** Of the server. @type {import('../../lib/restrict.js').Limits | null} null while unknown */
  limits = null;

  #image = null;
  #parts;

  connectedCallback() {
    const names = ['dialog', 'previous', 'next', 'close', 'stage', 'title', 'error', 'said', 'facts', 'delete'];
    this.#parts = Object.fromEntries(names.map((name) => [name, part(this, name)]));
    const { dialog, previous, next, close, stage } = this.#parts;
    previous.addEventListener('click', () => this.#step(-1));
    next.addEventListener('click', () => this.#step(1));
    close.addEventListener('click', () => this.close());
    this.#parts.delete.addEventListener('click', () => tell(this, 'delete-wanted', [this.#image]));
    dialog.addEventListener('keydown', (event) => this.#stepByKey(event));
    // The sheet fills the dialog: what is clicked beside it is the backdrop.
    dialog.addEventListener('click', ({ target }) => target === dialog && this.close());
    dialog.addEventListener('close', () => this.#finish());
    this.#stepBySwipe(stage);
  }

  /** Of the image that is shown; empty when none is. */
  get imageId() {
    return this.#image?.id ?? '';
  }

  /**
   * @param {Partial<import('../../lib/image.js').Image> & {id: string}} image looked up when it is not at hand
   * @param {{own: boolean}} options own: it can be deleted from here
   */
  async show(image, { own }) {
    const { dialog, error } = this.#parts;
    const first = !dialog.open;
    if (image.id === this.imageId) {
      return;
    }
    this.#image = image;
    error.textContent = '';
    this.#parts.delete.hidden = !own;
    this.#parts.facts.hidden = true;
    this.#parts.stage.replaceChildren();
    this.#parts.title.textContent = text('viewer.loading');
    if (first) {
      dialog.showModal();
    }
    const known = image.link !== undefined;
    if (known) {
      this.#fill({ say: !first });
    }
    // It may have been deleted, or stored, since it was listed.
    await this.#lookUp(image, known);
  }

  close() {
    this.#parts.dialog.close();
  }

  set error(words) {
    this.#parts.error.textContent = words;
  }

  /** @param {{previous: boolean, next: boolean}} neighbours whether there are any */
  set neighbours(neighbours) {
    for (const [name, there] of Object.entries(neighbours)) {
      // Not `disabled`: that would throw the focus away.
      this.#parts[name].ariaDisabled = String(!there);
    }
  }

  async #lookUp({ id }, known) {
    let image = null;
    let failure = null;
    try {
      image = await findImage(id);
    } catch (error) {
      failure = asFailure(error);
    }
    if (this.imageId !== id) {
      return;
    }
    if (failure === null) {
      this.#image = { ...this.#image, ...image };
      if (known) {
        this.#showFacts();
      } else {
        this.#fill({ say: true });
      }
    } else if (failure.code === 'image-deleted') {
      this.#showNothing(text(known ? 'viewer.deletedMeanwhile' : 'viewer.deleted'));
      tell(this, 'image-gone', id);
    } else if (!known) {
      this.#showNothing(describeFailure(failure).text);
    }
  }

  #fill({ say }) {
    const image = this.#image;
    const { title, stage, said } = this.#parts;
    title.textContent = text('viewer.title', { uploader: image.uploader });
    // What it comes to in this window.
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const room = { width: stage.clientWidth / rem, height: stage.clientHeight / rem };
    const variantSizes = MAY_MOVE.includes(image.content_type) ? null : (this.limits?.variant_sizes ?? null);
    stage.replaceChildren(makePicture(image, { variantSizes, room, whole: true }));
    this.#showFacts();
    // On opening, the dialog says its title by itself.
    said.textContent = say ? [title.textContent, image.alt].filter(Boolean).join('. ') : '';
  }

  #showFacts() {
    const image = this.#image;
    this.#parts.facts.hidden = false;
    part(this, 'description').textContent = image.alt ?? text('viewer.noDescription');
    part(this, 'description').classList.toggle('image-viewer__soft', !image.alt);
    part(this, 'time').dateTime = image.created_at;
    part(this, 'time').textContent = formatTime(image.created_at);
    part(this, 'size').textContent = `${formatDimensions(image.width, image.height)}, ${formatBytes(image.size_bytes)}`;
    part(this, 'storage').textContent = describePending(image.storage) ?? text('viewer.stored');
    part(this, 'copy').image = image;
    for (const name of ['link', 'url']) {
      part(this, name).href = image[name];
      part(this, name).textContent = image[name];
    }
  }

  #showNothing(words) {
    this.#parts.stage.replaceChildren();
    this.#parts.facts.hidden = true;
    this.#parts.title.textContent = text('viewer.nothing');
    this.#parts.error.textContent = words;
  }

  #step(step) {
    const button = this.#parts[step > 0 ? 'next' : 'previous'];
    if (button.ariaDisabled !== 'true') {
      this.#parts.error.textContent = '';
      tell(this, 'viewer-step-wanted', { id: this.imageId, step });
    }
  }

  #stepByKey(event) {
    const { key, target } = event;
    const taken = target.closest('select, input, textarea') !== null;
    if (!['ArrowLeft', 'ArrowRight'].includes(key) || taken || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) {
      return;
    }
    event.preventDefault();
    this.#stepTowards(key === 'ArrowRight');
  }

  /** To the right is older, and where one reads from the right to the left, newer. */
  #stepTowards(right) {
    const leftToRight = getComputedStyle(this).direction === 'ltr';
    this.#step(right === leftToRight ? 1 : -1);
  }

  #stepBySwipe(stage) {
    let from = null;
    stage.addEventListener('touchstart', ({ touches }) => {
      // Two fingers zoom, and what is zoomed is moved by one.
      const alone = touches.length === 1 && (globalThis.visualViewport?.scale ?? 1) === 1;
      from = alone ? touches[0] : null;
    }, { passive: true });
    stage.addEventListener('touchend', ({ changedTouches: [to] }) => {
      const across = from === null ? 0 : to.clientX - from.clientX;
      const along = from === null ? 0 : to.clientY - from.clientY;
      from = null;
      if (Math.abs(across) > SWIPE_PX && Math.abs(across) > 2 * Math.abs(along)) {
        this.#stepTowards(across < 0);
      }
    }, { passive: true });
  }

  #finish() {
    // Told a moment later: another image may be shown by now.
    if (this.#parts.dialog.open) {
      return;
    }
    const id = this.imageId;
    this.#image = null;
    this.#parts.stage.replaceChildren();
    tell(this, 'viewer-closed', id);
  }
}

/** Once is enough. */
export function registerImageViewer() {
  if (customElements.get('image-viewer') === undefined) {
    customElements.define('image-viewer', ImageViewer);
  }
}

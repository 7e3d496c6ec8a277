/*
 * <delete-dialog>: asks, then deletes. For the gallery's buttons and for delete
 * links, which must never delete by merely being opened: mail scanners and chat
 * previews open links too.
 * Tells "image-deleted" (detail: {id}) and "delete-dialog-closed".
 * May import lib.
 */

import { deleteImage, findImage } from '../../lib/api.js';
import { asFailure } from '../../lib/failure.js';
import { text } from '../../lib/language.js';
import { part, tell } from '../../lib/page.js';
import { makePicture } from '../../lib/picture.js';
import { describeFailure } from '../../lib/wording.js';

const GONE = ['image-deleted', 'image-not-found'];
/** For the picture, in rem: as the style sheet lays the dialog out. */
const ROOM = { width: 22.5, height: 10.5 };

class DeleteDialog extends HTMLElement {
  /** Of the server. @type {import('../../lib/restrict.js').Limits | null} null while unknown */
  limits = null;

  #wanted = null;
  #parts;

  connectedCallback() {
    const names = ['dialog', 'title', 'picture', 'words', 'error', 'keep', 'delete'];
    this.#parts = Object.fromEntries(names.map((name) => [name, part(this, name)]));
    this.#parts.keep.addEventListener('click', () => this.#parts.dialog.close());
    this.#parts.delete.addEventListener('click', () => this.#delete());
    // Also by Escape and by the browser's own back gesture.
    this.#parts.dialog.addEventListener('close', () => {
      this.#wanted = null;
      tell(this, 'delete-dialog-closed');
    });
  }

  /**
   * @param {object} wanted
   * @param {string} wanted.id
   * @param {string} wanted.token
   * @param {import('../../lib/image.js').Image} [wanted.image] looked up when it is not at hand
   */
  async ask(wanted) {
    const { dialog, picture, words, error } = this.#parts;
    this.#wanted = wanted;
    picture.replaceChildren();
    words.textContent = text('delete.words');
    error.textContent = '';
    this.#offerDelete(true);
    if (!dialog.open) {
      dialog.showModal();
    }
    const image = wanted.image ?? (await this.#find(wanted));
    // The person may have closed it, or opened another one, meanwhile.
    if (image && this.#wanted === wanted) {
      this.#show(image);
    }
  }

  #show(image) {
    const variantSizes = this.limits?.variant_sizes ?? null;
    this.#parts.picture.replaceChildren(makePicture(image, { variantSizes, room: ROOM }));
    this.#parts.words.textContent = text('delete.wordsOf', { uploader: image.uploader });
  }

  async #find(wanted) {
    try {
      return await findImage(wanted.id);
    } catch (error) {
      const failure = asFailure(error);
      if (this.#wanted === wanted && GONE.includes(failure.code)) {
        this.#showGone(failure);
      }
      // Without its picture it can be deleted all the same.
      return null;
    }
  }

  async #delete() {
    const wanted = this.#wanted;
    this.#parts.error.textContent = '';
    this.#parts.delete.disabled = true;
    try {
      await deleteImage(wanted.id, wanted.token);
      this.#finish(wanted);
    } catch (error) {
      const failure = asFailure(error);
      if (failure.code === 'image-deleted') {
        // Someone was faster; what was wanted is so.
        this.#finish(wanted);
      } else if (this.#wanted === wanted) {
        this.#parts.error.textContent = describeFailure(failure).text;
        this.#parts.delete.disabled = false;
        this.#parts.delete.focus();
      }
    }
  }

  #finish(wanted) {
    // It may show another image by now.
    if (this.#wanted === wanted) {
      this.#parts.dialog.close();
    }
    tell(this, 'image-deleted', { id: wanted.id });
  }

  #showGone(failure) {
    this.#parts.words.textContent = '';
    this.#parts.error.textContent = describeFailure(failure).text;
    this.#offerDelete(false);
    this.#parts.keep.focus();
  }

  #offerDelete(offered) {
    this.#parts.title.textContent = text(offered ? 'delete.title' : 'delete.gone');
    this.#parts.keep.textContent = text(offered ? 'delete.keep' : 'delete.close');
    this.#parts.delete.hidden = !offered;
    this.#parts.delete.disabled = false;
  }
}

export function registerDeleteDialog() {
  // It is loaded each time it is wanted.
  if (!customElements.get('delete-dialog')) {
    customElements.define('delete-dialog', DeleteDialog);
  }
}

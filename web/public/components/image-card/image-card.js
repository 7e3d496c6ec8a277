/*
 * <image-card>: one image of the gallery. Its picture opens it large, its
 * uploader's name leads to all of theirs, and one's own can be deleted or
 * selected.
 * Tells "image-opened" (detail: the image), "uploader-wanted" (detail: the name)
 * and "delete-wanted" (detail: [the image]).
 * May import lib.
 */

import { formatBytes, formatDimensions, formatTime } from '../../lib/format.js';
import { text } from '../../lib/language.js';
import { part, tell } from '../../lib/page.js';
import { makePicture } from '../../lib/picture.js';
import { describePending } from '../../lib/wording.js';

/** Of a card for its picture, in rem: as the style sheet lays the cards out. */
const ROOM = { width: 29, height: 10.5 };

class ImageCard extends HTMLElement {
  image = null;

  /**
   * @param {import('../../lib/image.js').Image} image
   * @param {object} options
   * @param {boolean} options.own it can be deleted from here
   * @param {boolean} options.filterable others of its uploader can be asked for
   * @param {Record<string, number> | null} options.variantSizes from the limits; null while unknown
   */
  show(image, { own, filterable, variantSizes }) {
    this.image = image;
    const time = formatTime(image.created_at);
    this.#showPicture(variantSizes);
    this.#showUploader(filterable);
    part(this, 'time').dateTime = image.created_at;
    part(this, 'time').textContent = time;
    part(this, 'facts').textContent = `${formatDimensions(image.width, image.height)}, ${formatBytes(image.size_bytes)}`;
    this.update(image);

    const remove = part(this, 'delete');
    remove.hidden = !own;
    remove.ariaLabel = text('gallery.deleteThis', { time });
    remove.addEventListener('click', () => tell(this, 'delete-wanted', [this.image]));
    part(this, 'checkbox').ariaLabel = text('gallery.selectThis', { uploader: image.uploader, time });
  }

  /** @param {import('../../lib/image.js').Image} image as the server describes it now */
  update(image) {
    this.image = { ...this.image, ...image };
    const pending = describePending(image.storage);
    part(this, 'pending').hidden = pending === null;
    part(this, 'pending').textContent = pending ?? '';
  }

  /** Why it could not be deleted. */
  set error(reason) {
    part(this, 'error').textContent = reason;
  }

  set selectable(selectable) {
    part(this, 'select').hidden = !selectable;
    this.selected = false;
  }

  get selected() {
    return part(this, 'checkbox').checked;
  }

  set selected(selected) {
    part(this, 'checkbox').checked = selected;
  }

  focus() {
    part(this, 'picture').focus();
  }

  #showPicture(variantSizes) {
    const link = part(this, 'picture');
    link.href = this.image.link;
    link.append(makePicture(this.image, { variantSizes, room: ROOM, lazy: true }));
    link.addEventListener('click', (event) => {
      // A new tab or window, or a download, is what a link is good for by itself.
      if (!(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey)) {
        event.preventDefault();
        tell(this, 'image-opened', this.image);
      }
    });
  }

  #showUploader(filterable) {
    const { uploader } = this.image;
    const name = part(this, 'uploader');
    name.textContent = uploader;
    if (filterable) {
      name.ariaLabel = text('gallery.titleBy', { uploader });
      name.addEventListener('click', () => tell(this, 'uploader-wanted', uploader));
    } else {
      const words = document.createElement('p');
      words.className = name.className;
      words.dataset.part = 'uploader';
      words.append(uploader);
      name.replaceWith(words);
    }
  }
}

export function registerImageCard() {
  customElements.define('image-card', ImageCard);
}

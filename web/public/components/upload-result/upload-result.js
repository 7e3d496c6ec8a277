/*
 * <upload-result>: an image that was just uploaded: its addresses, and how far
 * the server is with storing it.
 * Holds a <copy-choice>. May import lib.
 */

import { isSettled } from '../../lib/image.js';
import { text } from '../../lib/language.js';
import { announce, fromTemplate, part } from '../../lib/page.js';
import { makePicture } from '../../lib/picture.js';
import { describePublished, describeStorage } from '../../lib/wording.js';

/** For the picture, in rem: as the style sheet lays the row out. */
const ROOM = { width: 7, height: 7 };

class UploadResult extends HTMLElement {
  /** Of the server. @type {import('../../lib/restrict.js').Limits | null} null while unknown */
  limits = null;

  #image = null;
  #file = null;

  /** @param {import('../../lib/queue.js').Upload} upload that is done */
  show({ file, image }) {
    this.#image = image;
    this.#file = file.name;
    this.replaceChildren(fromTemplate('upload-result'));
    const picture = part(this, 'picture');
    picture.href = image.link;
    picture.append(makePicture(image, { variantSizes: this.limits?.variant_sizes ?? null, room: ROOM }));
    part(this, 'published').textContent = describePublished(image) ?? '';
    fillLink(part(this, 'url'), image.url);
    fillLink(part(this, 'link'), image.link);
    fillLink(part(this, 'delete-link'), image.delete_url);
    this.querySelector('copy-choice').image = image;
    this.#showStorage();
  }

  /** @param {import('../../lib/image.js').Image} image as the server describes it now */
  update(image) {
    if (this.#image?.id === image.id) {
      const before = isSettled(this.#image);
      this.#image = { ...this.#image, ...image };
      this.#showStorage();
      if (!before && isSettled(image)) {
        announce(part(this, 'title').textContent);
      }
    }
  }

  #showStorage() {
    const { settled, stages } = describeStorage(this.#image.storage);
    part(this, 'title').textContent = text(settled ? 'result.stored' : 'result.saved', { file: this.#file });
    const sent = { done: true, text: text('result.sent') };
    part(this, 'stages').replaceChildren(...[sent, ...stages].map(stageItem));
  }
}

export function registerUploadResult() {
  customElements.define('upload-result', UploadResult);
}

function fillLink(link, address) {
  link.href = address;
  link.textContent = address;
}

function stageItem({ done, text: words }) {
  const item = document.createElement('li');
  item.className = 'stages__item';
  item.toggleAttribute('data-done', done);
  item.textContent = words;
  return item;
}

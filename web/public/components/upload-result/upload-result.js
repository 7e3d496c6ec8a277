/*
 * <upload-result>: the image that was just uploaded, its addresses, and how far
 * the server is with storing it.
 * May import lib.
 */

import { announce, fromTemplate, part } from '../../lib/page.js';
import { makePicture } from '../../lib/picture.js';
import { describePublished, describeStorage } from '../../lib/wording.js';

/** For the picture, in rem: as the style sheet lays the card out. */
const ROOM = { width: 42, height: 14 };

class UploadResult extends HTMLElement {
  /** Of the server. @type {import('../../lib/restrict.js').Limits | null} null while unknown */
  limits = null;

  #image = null;

  /** @param {import('../../lib/image.js').Image & {delete_url: string}} image the upload's answer */
  show(image) {
    const card = fromTemplate('upload-result-card');
    const picture = part(card, 'picture');
    picture.href = image.link;
    picture.append(makePicture(image, { variantSizes: this.limits?.variant_sizes ?? null, room: ROOM }));
    part(card, 'published').textContent = describePublished(image) ?? '';
    fillLink(part(card, 'url'), image.url);
    fillLink(part(card, 'link'), image.link);
    fillLink(part(card, 'delete-link'), image.delete_url);
    this.replaceChildren(card);
    this.#image = image;
    this.#showStorage();
    part(this, 'title').focus();
  }

  /** @param {import('../../lib/image.js').Image} image as the server describes it now */
  update(image) {
    if (this.#image?.id === image.id) {
      this.#image = { ...this.#image, ...image };
      this.#showStorage();
    }
  }

  remove(id) {
    if (this.#image?.id === id) {
      this.#image = null;
      this.replaceChildren();
    }
  }

  #showStorage() {
    const { headline, stages } = describeStorage(this.#image.storage);
    part(this, 'title').textContent = headline;
    part(this, 'stages').replaceChildren(...stages.map(stageItem));
    const owed = stages.filter(({ done }) => !done).map(({ text }) => text);
    announce([`${headline}.`, ...owed].join(' '));
  }
}

export function registerUploadResult() {
  customElements.define('upload-result', UploadResult);
}

function fillLink(link, address) {
  link.href = address;
  link.textContent = address;
}

function stageItem({ done, text }) {
  const item = document.createElement('li');
  item.className = 'stages__item';
  item.toggleAttribute('data-done', done);
  item.textContent = text;
  return item;
}

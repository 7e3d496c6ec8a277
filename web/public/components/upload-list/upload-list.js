/*
 * <upload-list>: one row for each upload, in the order of choosing. Only the row
 * that changed is touched.
 * May import lib.
 */

import { fromTemplate, part } from '../../lib/page.js';

class UploadList extends HTMLElement {
  /** Of the server. @type {import('../../lib/restrict.js').Limits | null} null while unknown */
  #limits = null;
  #paused = false;
  #rows = new Map();

  set limits(limits) {
    this.#limits = limits;
    for (const row of this.#rows.values()) {
      row.limits = limits;
    }
  }

  /** Whether the connection is away. */
  set paused(paused) {
    if (paused !== this.#paused) {
      this.#paused = paused;
      for (const row of this.#rows.values()) {
        row.paused = paused;
      }
    }
  }

  /** @param {import('../../lib/queue.js').Upload} upload new or changed */
  show(upload) {
    if (!this.#rows.has(upload.id)) {
      const item = fromTemplate('upload-item');
      // Its row becomes one only in the page.
      part(this, 'list').append(item);
      const row = item.querySelector('upload-row');
      Object.assign(row, { limits: this.#limits, paused: this.#paused });
      this.#rows.set(upload.id, row);
      this.#showTitle();
    }
    this.#rows.get(upload.id).show(upload);
  }

  /** Takes the row away. @returns {boolean} whether the person was in it, and has to go on elsewhere: no row is left */
  remove(id) {
    const item = this.#rows.get(id).closest('li');
    const next = item.nextElementSibling ?? item.previousElementSibling;
    const wasIn = item.contains(document.activeElement);
    item.remove();
    this.#rows.delete(id);
    this.#showTitle();
    if (wasIn) {
      next?.querySelector('upload-row').focus();
    }
    return wasIn && next === null;
  }

  /** @param {import('../../lib/image.js').Image} image as the server describes it now */
  update(image) {
    for (const row of this.#rows.values()) {
      row.update(image);
    }
  }

  /** @returns {HTMLElement | undefined} */
  rowOf(id) {
    return this.#rows.get(id);
  }

  /** Nothing is named where there is nothing. */
  #showTitle() {
    part(this, 'title').hidden = this.#rows.size === 0;
  }
}

export function registerUploadList() {
  customElements.define('upload-list', UploadList);
}

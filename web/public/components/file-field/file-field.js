/*
 * <file-field>: gets images from the person: chosen, dropped or pasted anywhere
 * on the page, or taken with the camera of a phone. Keeps none and judges none.
 * Tells "files-chosen" (detail: File[]).
 * May import lib.
 */

import { namePasted } from '../../lib/chosen-files.js';
import { hearDrops, hearPastes } from '../../lib/drop.js';
import { formatBytes, formatMediaTypes } from '../../lib/format.js';
import { text } from '../../lib/language.js';
import { announce, part, tell } from '../../lib/page.js';

class FileField extends HTMLElement {
  #input;
  #pasted = 0;

  connectedCallback() {
    this.#input = part(this, 'input');
    // Only here: without JavaScript the form sends one file, and the API takes one.
    this.#input.multiple = true;
    for (const input of [this.#input, part(this, 'camera')]) {
      input.addEventListener('change', () => this.#takeFrom(input));
    }
    hearDrops({
      onDragging: (dragging) => this.toggleAttribute('data-dragging', dragging),
      onDrop: (drop) => this.#takeDrop(drop),
    });
    hearPastes((files) => {
      const named = files.map((file, index) => namePasted(file, this.#pasted + index));
      this.#pasted += named.filter((file, index) => file !== files[index]).length;
      this.#tell(named);
    });
    // What was chosen before this ran, when all components are there to hear of it.
    queueMicrotask(() => this.#takeFrom(this.#input));
  }

  /** @param {import('../../lib/restrict.js').Limits} limits */
  set limits(limits) {
    const types = limits.media_types.map((type) => type.media_type);
    this.#input.accept = types.join(',');
    part(this, 'hint').textContent = text('choose.limits', {
      types: formatMediaTypes(types),
      limit: formatBytes(limits.max_upload_bytes),
    });
  }

  set error(reason) {
    part(this, 'error').textContent = reason ?? '';
    this.#input.setAttribute('aria-invalid', String(reason !== null));
    this.toggleAttribute('data-invalid', reason !== null);
  }

  /** What became of the files that were chosen last, where it is not what one expects. */
  set notice(words) {
    part(this, 'notice').textContent = words;
  }

  focus() {
    this.#input.focus();
  }

  #takeFrom(input) {
    const files = [...input.files];
    // The same file can be chosen again, and a reload brings nothing back.
    input.value = '';
    this.#tell(files);
  }

  #takeDrop({ files, leftOut }) {
    this.#tell(files);
    const reason = files.length === 0 ? text(leftOut === 0 ? 'choose.noFiles' : 'choose.noImages') : null;
    const words = reason ?? (leftOut > 0 ? text('choose.leftOut', { count: leftOut }) : '');
    if (words !== '') {
      this.notice = words;
      announce(words);
    }
  }

  #tell(files) {
    this.notice = '';
    if (files.length > 0) {
      tell(this, 'files-chosen', files);
    }
  }
}

export function registerFileField() {
  customElements.define('file-field', FileField);
}

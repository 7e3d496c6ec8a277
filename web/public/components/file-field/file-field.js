/*
 * <file-field>: gets a file from the person, by choosing or by dropping it
 * anywhere on the page, and shows which. Sends nothing and judges nothing but
 * what it is given to show.
 * May import lib.
 */

import { formatBytes, formatMediaTypes } from '../../lib/format.js';
import { part, tell } from '../../lib/page.js';

class FileField extends HTMLElement {
  #input;
  #preview;
  #previewUrl = null;

  connectedCallback() {
    this.#input = part(this, 'input');
    this.#preview = part(this, 'preview');
    this.#input.addEventListener('change', () => this.#show());
    // The browser cannot preview every file it lets one choose.
    this.#preview.addEventListener('error', () => {
      this.#preview.hidden = true;
    });
    this.#acceptDrops();
    // Browsers keep the choice over a reload; show what the field holds.
    this.#show();
  }

  /** @returns {File | null} */
  get file() {
    return this.#input.files[0] ?? null;
  }

  /** @param {import('../../lib/restrict.js').Limits} limits */
  set limits(limits) {
    const types = limits.media_types.map((type) => type.media_type);
    this.#input.accept = types.join(',');
    part(this, 'hint').textContent = `${formatMediaTypes(types)}, up to ${formatBytes(limits.max_upload_bytes)}.`;
  }

  set error(text) {
    part(this, 'error').textContent = text ?? '';
    this.#input.setAttribute('aria-invalid', String(text !== null));
    this.toggleAttribute('data-invalid', text !== null);
    if (text !== null) {
      this.#hidePreview();
    }
  }

  focus() {
    this.#input.focus();
  }

  clear() {
    this.#input.value = '';
    this.#show();
  }

  #show() {
    const { file } = this;
    part(this, 'label').textContent = file ? 'Choose another image' : 'Choose an image';
    part(this, 'note').textContent = file ? `${file.name}, ${formatBytes(file.size)}` : 'or drop it here';
    this.toggleAttribute('data-filled', file !== null);
    this.#hidePreview();
    if (file) {
      this.#previewUrl = URL.createObjectURL(file);
      this.#preview.src = this.#previewUrl;
      this.#preview.hidden = false;
    }
    tell(this, 'file-chosen');
  }

  #hidePreview() {
    this.#preview.hidden = true;
    this.#preview.removeAttribute('src');
    if (this.#previewUrl !== null) {
      URL.revokeObjectURL(this.#previewUrl);
      this.#previewUrl = null;
    }
  }

  /** On the whole window: a file that misses the field must not replace the page, or the form is lost. */
  #acceptDrops() {
    // dragenter and dragleave fire for every element on the way; only their balance tells in from out.
    let depth = 0;
    const mark = () => this.toggleAttribute('data-dragging', depth > 0);
    const onFiles = (action) => (event) => {
      if (event.dataTransfer?.types.includes('Files')) {
        event.preventDefault();
        action(event);
        mark();
      }
    };
    window.addEventListener('dragenter', onFiles(() => { depth += 1; }));
    window.addEventListener('dragleave', onFiles(() => { depth -= 1; }));
    window.addEventListener('dragover', onFiles(() => {}));
    window.addEventListener('drop', onFiles((event) => {
      depth = 0;
      this.#take(event.dataTransfer.files);
    }));
  }

  #take(files) {
    // Disabled while something is being sent.
    if (this.#input.matches(':disabled')) {
      return;
    }
    if (files.length !== 1) {
      this.error = 'Drop one image at a time.';
      return;
    }
    this.#input.files = files;
    this.#show();
  }
}

export function registerFileField() {
  customElements.define('file-field', FileField);
}

/*
 * <upload-key-field>: gets an upload key from the person, on sites that take
 * uploads only with one. Empty, and so out of everybody's way, until show().
 *
 * The input has no name: no form submission could ever put the key into an
 * address. It is a "current-password": browsers ignore "off" at password fields,
 * and a password manager is the best place for a key that nobody can learn by
 * heart. This page itself keeps the key only where the person ticks the box.
 * May import lib.
 */

import { text } from '../../lib/language.js';
import { announce, fromTemplate, part } from '../../lib/page.js';
import { uploadKeyObjection } from '../../lib/restrict.js';

class UploadKeyField extends HTMLElement {
  /** Set by registerUploadKeyField(). @type {import('../../lib/memory.js').Memory} */
  static memory;

  #parts = null;

  /** From now on the field is there. What was written into it stays. */
  show() {
    if (this.shown) {
      return;
    }
    this.append(fromTemplate('upload-key-fields'));
    this.#parts = Object.fromEntries(['input', 'remember', 'error'].map((name) => [name, part(this, name)]));
    const { input, remember } = this.#parts;
    input.value = UploadKeyField.memory.uploadKey;
    remember.checked = input.value !== '';
    input.addEventListener('input', () => {
      this.error = null;
    });
    remember.addEventListener('change', () => this.#keepOrForget());
  }

  get shown() {
    return this.#parts !== null;
  }

  /** The key that is written here; before the field is there, the one that is remembered. Empty when there is none. */
  get key() {
    return this.shown ? this.#parts.input.value.trim() : UploadKeyField.memory.uploadKey;
  }

  /** Remembers the key, if the person wants that. */
  keep() {
    if (this.shown && this.#parts.remember.checked && uploadKeyObjection(this.key) === null) {
      UploadKeyField.memory.uploadKey = this.key;
    }
  }

  set error(words) {
    if (words !== null) {
      this.show();
    }
    if (this.shown) {
      this.#parts.error.textContent = words ?? '';
      this.#parts.input.setAttribute('aria-invalid', String(words !== null));
    }
  }

  focus() {
    this.#parts?.input.focus();
  }

  #keepOrForget() {
    if (this.#parts.remember.checked) {
      this.keep();
    } else {
      UploadKeyField.memory.forgetUploadKey();
      announce(text('key.forgotten'));
    }
  }
}

export function registerUploadKeyField({ memory }) {
  UploadKeyField.memory = memory;
  customElements.define('upload-key-field', UploadKeyField);
}

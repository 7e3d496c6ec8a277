/*
 * <upload-form>: who uploads, and what. Posts one file by itself where this does
 * not run. What becomes of the files (./uploads.js) is loaded when somebody is
 * about to choose some.
 * Tells "limits-wanted", and what ./uploads.js tells.
 * May import lib.
 */

import { text } from '../../lib/language.js';
import { announce, part, tell } from '../../lib/page.js';
import { tidyText, uploadKeyObjection, uploaderObjection } from '../../lib/restrict.js';

/** That a person is about to upload. */
const SIGNS = ['pointerover', 'focusin'];

class UploadForm extends HTMLElement {
  /** Set by registerUploadForm(). @type {import('../../lib/memory.js').Memory} */
  static memory;
  /** Likewise. @type {(form: HTMLElement, parts: object) => Promise<import('./uploads.js').Uploads>} */
  static loadUploads;

  #limits = null;
  /** @type {import('./uploads.js').Uploads | null} */
  #uploads = null;
  #loading = null;
  #fileField;
  #keyField;
  #uploader;
  #submit;

  connectedCallback() {
    this.#fileField = this.querySelector('file-field');
    this.#keyField = this.querySelector('upload-key-field');
    this.#uploader = part(this, 'uploader');
    this.#submit = part(this, 'submit');
    this.#uploader.value ||= UploadForm.memory.name;
    this.#hear();
  }

  /** @param {import('../../lib/restrict.js').Limits} limits */
  set limits(limits) {
    this.#limits = limits;
    this.#fileField.limits = limits;
    if (limits.upload_key_required) {
      this.#keyField.show();
    }
    if (this.#uploads !== null) {
      this.#uploads.limits = limits;
    }
  }

  /** The connection is gone, or there again. */
  set online(online) {
    announce(text(online ? 'upload.online' : 'upload.offline'));
    if (this.#uploads !== null) {
      this.#uploads.online = online;
    }
  }

  /** @param {import('../../lib/image.js').Image} image as the server describes it now */
  update(image) {
    this.#uploads?.update(image);
  }

  /** The image is no more. */
  remove(imageId) {
    this.#uploads?.removeImage(imageId);
  }

  #hear() {
    const form = part(this, 'form');
    // Here and not in the page: without this the browser's own checks are all there is.
    form.noValidate = true;
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#withUploads((uploads) => uploads.send());
    });
    this.#uploader.addEventListener('input', () => this.#showError('uploader', null));
    this.addEventListener('files-chosen', ({ detail: files }) => this.#withUploads((uploads) => this.#add(files, uploads)));
    this.addEventListener('focus-lost', () => this.#submit.focus());
    window.addEventListener('beforeunload', (event) => {
      if (this.#uploads?.isBusy) {
        event.preventDefault();
      }
    });
    for (const sign of SIGNS) {
      this.addEventListener(sign, () => this.#load().catch(() => {}), { once: true });
    }
  }

  async #withUploads(action) {
    if (this.#uploads !== null) {
      action(this.#uploads);
      return;
    }
    try {
      action(await this.#load());
    } catch (error) {
      console.error(error);
      this.#fileField.error = text('page.partMissing');
    }
  }

  #load() {
    this.#loading ??= this.#begin();
    // What failed may be there the next time.
    this.#loading.catch(() => {
      this.#loading = null;
    });
    return this.#loading;
  }

  async #begin() {
    this.#uploads = await UploadForm.loadUploads(this, {
      limits: this.#limits,
      sender: (some) => this.#sender(some),
      onFault: (field, reason) => this.#showFault(field, reason),
      onReady: (count) => this.#showReady(count),
    });
    if (this.#limits !== null) {
      this.#uploads.limits = this.#limits;
    }
    return this.#uploads;
  }

  #add(files, uploads) {
    const repeated = uploads.add(files);
    this.#fileField.error = null;
    if (repeated.length > 0) {
      this.#fileField.notice = text('choose.repeated', { count: repeated.length, file: repeated[0].name });
    }
    if (this.#limits === null) {
      tell(this, 'limits-wanted');
    }
  }

  /** Shows every objection at once, and puts the person at the first. */
  #sender(some) {
    const uploader = tidyText(this.#uploader.value);
    const uploadKey = this.#uploadKey();
    this.#showError('uploader', uploaderObjection(uploader, this.#limits));
    this.#fileField.error = some || this.#uploads.hasRefused ? null : text('limits.noFile');
    this.#keyField.error = this.#keyField.shown || uploadKey !== '' ? uploadKeyObjection(uploadKey) : null;
    const first = this.querySelector('[aria-invalid=true]');
    if (first !== null) {
      first.focus();
      return null;
    }
    if (some) {
      UploadForm.memory.name = uploader;
      this.#keyField.keep();
    }
    return { uploader, uploadKey };
  }

  /** Empty when none is needed. While that is unknown, a key that was remembered here goes along. */
  #uploadKey() {
    return this.#keyField.shown || this.#limits === null ? this.#keyField.key : '';
  }

  #showReady(count) {
    const label = count > 0 ? text('upload.submit', { count }) : text('upload.submitNone');
    if (this.#submit.textContent !== label) {
      this.#submit.textContent = label;
    }
  }

  #showFault(field, reason) {
    this.#showError(field, reason);
    // Nobody is taken away from what they are writing.
    if (!document.activeElement.matches('input:not([type=file]), textarea')) {
      (field === 'upload-key' ? this.#keyField : this.#uploader).focus();
    }
  }

  #showError(field, reason) {
    if (field === 'upload-key') {
      this.#keyField.error = reason;
      return;
    }
    part(this, 'uploader-error').textContent = reason ?? '';
    this.#uploader.setAttribute('aria-invalid', String(reason !== null));
  }
}

/** @param {{memory: import('../../lib/memory.js').Memory, loadUploads: typeof UploadForm.loadUploads}} parts */
export function registerUploadForm({ memory, loadUploads }) {
  Object.assign(UploadForm, { memory, loadUploads });
  customElements.define('upload-form', UploadForm);
}

/*
 * <upload-form>: the form from the first click to the server's answer. States:
 * idle → sending → saving → idle (uploaded, cancelled or failed).
 * Tells "image-uploaded" (detail: the answer) and "limits-wanted".
 * May import lib.
 */

import { asFailure } from '../../lib/failure.js';
import { SubmissionKey } from '../../lib/idempotency.js';
import { passedMilestone } from '../../lib/milestones.js';
import { announce, part, tell } from '../../lib/page.js';
import { altObjection, fileObjection, tidyText, uploadKeyObjection, uploaderObjection } from '../../lib/restrict.js';
import { uploadImage } from '../../lib/upload.js';
import { describeFailure } from '../../lib/wording.js';

class UploadForm extends HTMLElement {
  /** Set by registerUploadForm(). @type {import('../../lib/memory.js').Memory} */
  static memory;

  #limits = null;
  #key = new SubmissionKey();
  #canceller = null;
  #fileField;
  #keyField;
  #parts;

  connectedCallback() {
    this.#fileField = this.querySelector('file-field');
    this.#keyField = this.querySelector('upload-key-field');
    const names = ['form', 'fields', 'uploader', 'alt', 'action', 'submit', 'cancel', 'stage', 'progress', 'failure'];
    this.#parts = Object.fromEntries(names.map((name) => [name, part(this, name)]));
    this.#parts.uploader.value ||= UploadForm.memory.name;

    this.#parts.form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#parts.cancel.addEventListener('click', () => this.#canceller?.abort());
    this.addEventListener('file-chosen', () => this.#checkFile());
    this.#parts.uploader.addEventListener('input', () => this.#showError('uploader', null));
    this.#parts.alt.addEventListener('input', () => this.#showError('alt', null));
    window.addEventListener('beforeunload', (event) => {
      if (this.#canceller !== null) {
        event.preventDefault();
      }
    });
  }

  /** @param {import('../../lib/restrict.js').Limits} limits */
  set limits(limits) {
    this.#limits = limits;
    this.#fileField.limits = limits;
    if (limits.upload_key_required) {
      this.#keyField.show();
    }
    // The choice may have been made before the limits were known.
    if (this.#fileField.file && this.#canceller === null) {
      this.#showError('file', fileObjection(this.#fileField.file, limits));
    }
  }

  #checkFile() {
    const { file } = this.#fileField;
    this.#showFailure(null);
    this.#showError('file', file ? fileObjection(file, this.#limits) : null);
    if (file && this.#limits === null) {
      tell(this, 'limits-wanted');
    }
  }

  async #submit() {
    if (this.#canceller !== null) {
      return;
    }
    const submission = {
      file: this.#fileField.file,
      uploader: tidyText(this.#parts.uploader.value),
      alt: tidyText(this.#parts.alt.value),
    };
    // Not part of the submission: with another upload key it is still the same upload.
    const uploadKey = this.#uploadKey();
    this.#showFailure(null);
    if (!this.#accepts(submission, uploadKey)) {
      return;
    }
    UploadForm.memory.name = submission.uploader;
    this.#keyField.keep();

    try {
      const image = await this.#send(submission, uploadKey);
      this.#succeed(image);
    } catch (error) {
      this.#fail(asFailure(error), submission);
    }
  }

  /** Empty when none is needed. While that is unknown, a key that was remembered here goes along. */
  #uploadKey() {
    return this.#keyField.shown || this.#limits === null ? this.#keyField.key : '';
  }

  /** Shows every objection at once and puts the person at the first. */
  #accepts({ file, uploader, alt }, uploadKey) {
    const objections = {
      file: fileObjection(file, this.#limits),
      uploader: uploaderObjection(uploader, this.#limits),
      alt: altObjection(alt, this.#limits),
      'upload-key': this.#keyField.shown || uploadKey !== '' ? uploadKeyObjection(uploadKey) : null,
    };
    for (const [field, text] of Object.entries(objections)) {
      this.#showError(field, text);
    }
    const first = Object.keys(objections).find((field) => objections[field] !== null);
    if (first !== undefined) {
      this.#controlOf(first).focus();
    }
    return first === undefined;
  }

  async #send(submission, uploadKey) {
    this.#canceller = new AbortController();
    this.#showBusy(true);
    this.#showProgress(0);
    announce('Sending.');
    let shown = 0;
    try {
      return await uploadImage(submission, {
        key: this.#key.for(submission),
        uploadKey,
        signal: this.#canceller.signal,
        onProgress: (share) => {
          // 100 % would claim more than is known: that is said when the server has answered.
          const percent = Math.min(Math.floor(share * 100), 99);
          const milestone = passedMilestone(shown, percent);
          shown = percent;
          this.#showProgress(percent);
          if (milestone !== null) {
            announce(`${milestone} % sent.`);
          }
        },
        onSent: () => {
          this.#showSaving();
          announce('Sent. The server is saving it.');
        },
      });
    } finally {
      this.#canceller = null;
      this.#showBusy(false);
    }
  }

  #succeed(image) {
    this.#key.drop();
    this.#parts.alt.value = '';
    this.#fileField.clear();
    tell(this, 'image-uploaded', image);
  }

  #fail(failure, { file }) {
    const { text, field, retry, freshKey } = describeFailure(failure, { fileName: file.name });
    if (freshKey) {
      this.#key.drop();
    }
    if (field !== null) {
      this.#showError(field, text);
      this.#controlOf(field).focus();
      return;
    }
    this.#showFailure(text, { retry });
    this.#parts.submit.focus();
  }

  #showBusy(busy) {
    const { fields, action, submit, cancel } = this.#parts;
    fields.disabled = busy;
    action.toggleAttribute('data-busy', busy);
    // The focused control is about to go; leave the person at the one that takes its place.
    (busy ? cancel : submit).focus();
  }

  #showProgress(percent) {
    this.#parts.stage.textContent = `Sending, ${percent} %`;
    this.#parts.progress.value = percent;
    this.#parts.cancel.textContent = 'Cancel';
  }

  #showSaving() {
    this.#parts.stage.textContent = 'Sent. The server is saving it…';
    // Without a value it shows that something goes on, not how much.
    this.#parts.progress.removeAttribute('value');
    this.#parts.cancel.textContent = 'Stop waiting';
  }

  #showError(field, text) {
    if (field in this.#ownFields) {
      this.#ownFields[field].error = text;
      return;
    }
    part(this, `${field}-error`).textContent = text ?? '';
    this.#parts[field].setAttribute('aria-invalid', String(text !== null));
  }

  #showFailure(text, { retry = false } = {}) {
    this.#parts.failure.textContent = text ?? '';
    this.#parts.submit.textContent = retry ? 'Try again' : 'Upload';
  }

  /** The fields that are components of their own, and show their errors themselves. */
  get #ownFields() {
    return { file: this.#fileField, 'upload-key': this.#keyField };
  }

  #controlOf(field) {
    return this.#ownFields[field] ?? this.#parts[field];
  }
}

export function registerUploadForm({ memory }) {
  UploadForm.memory = memory;
  customElements.define('upload-form', UploadForm);
}

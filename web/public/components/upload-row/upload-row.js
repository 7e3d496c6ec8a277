/*
 * <upload-row>: one upload from being chosen to its image: what it is, what is
 * happening to it in words, and what can be done about it. Its ids end in the
 * upload's, so that every control is named after its file.
 * Holds a <shrink-offer>, later the <upload-result>.
 * Tells "upload-cancel-wanted", "upload-remove-wanted", "upload-retry-wanted"
 * and "upload-described" (detail of all: {id, alt}).
 * May import lib.
 */

import { formatBytes } from '../../lib/format.js';
import { text } from '../../lib/language.js';
import { announce, part, tell } from '../../lib/page.js';
import { describeFailure } from '../../lib/wording.js';

const SECOND_MS = 1000;
const BUTTONS = ['cancel', 'retry', 'remove'];
/** What can be done in a state; what is not named here has its result instead. */
const OFFERS = {
  refused: ['remove'],
  ready: ['remove'],
  queued: ['cancel'],
  sending: ['cancel'],
  saving: ['cancel'],
  waiting: ['retry', 'cancel'],
  failed: ['retry', 'remove'],
  cancelled: ['retry', 'remove'],
  done: [],
};
/** Of the form, not of this file. */
const FORM_FIELDS = ['uploader', 'upload-key'];
/** While it is on its way, and afterwards, another description would be another upload. */
const EDITABLE = ['refused', 'ready', 'failed', 'cancelled'];

/** In all others there is a number in the words, or the result. */
const STATE_WORDS = {
  ready: 'upload.state.ready',
  queued: 'upload.state.queued',
  sending: 'upload.state.sending',
  saving: 'upload.state.saving',
  failed: 'upload.state.failed',
  cancelled: 'upload.state.cancelled',
};

class UploadRow extends HTMLElement {
  /** Set by registerUploadRow(): the queue's clock. @type {() => number} */
  static now;

  #limits = null;
  #upload = null;
  #parts = null;
  #previewed = null;
  #ticking = null;

  disconnectedCallback() {
    this.#showPreview(null);
    clearInterval(this.#ticking);
  }

  /** @param {import('../../lib/restrict.js').Limits | null} limits null while unknown */
  set limits(limits) {
    this.#limits = limits;
    this.#offerShrinking();
  }

  /** Whether the connection is away. */
  set paused(paused) {
    this.toggleAttribute('data-paused', paused);
    if (this.#upload?.state === 'queued') {
      this.#showState();
    }
  }

  /** @param {import('../../lib/queue.js').Upload} upload the queue's own: it changes */
  show(upload) {
    if (this.#parts === null) {
      this.#begin(upload);
    }
    const before = this.dataset.state;
    const stalled = upload.stalled && !this.hasAttribute('data-stalled');
    this.#upload = upload;
    this.dataset.state = upload.state;
    this.toggleAttribute('data-stalled', upload.stalled);
    if (upload.state === 'done') {
      this.#finish();
      return;
    }
    const other = this.#showFile();
    this.#showState();
    if (before !== upload.state) {
      this.#offerControls();
    }
    if (other || before !== upload.state) {
      this.#offerShrinking();
    }
    if (stalled) {
      announce(`${upload.file.name}: ${text('upload.state.stalled')}`);
    }
  }

  /** @param {import('../../lib/image.js').Image} image as the server describes it now */
  update(image) {
    this.querySelector('upload-result')?.update(image);
  }

  get imageId() {
    return this.#upload.image?.id ?? null;
  }

  /** Why the description cannot be sent. */
  set descriptionError(reason) {
    part(this, 'alt-error').textContent = reason ?? '';
    this.#parts.alt.setAttribute('aria-invalid', String(reason !== null));
  }

  /** At what helps most: the description where that is at fault, else the first button, else the result. */
  focus() {
    const target =
      this.querySelector('[aria-invalid=true]') ?? this.querySelector('.upload-row__buttons button:not([hidden])') ?? this.querySelector('h3');
    target?.focus();
  }

  #begin({ id, alt }) {
    const names = ['preview', 'name', 'size', 'state', 'progress', 'error', 'alt-label', 'alt', 'alt-error', ...BUTTONS];
    this.#parts = Object.fromEntries(names.map((name) => [name, part(this, name)]));
    for (const [name, element] of Object.entries(this.#parts)) {
      element.id = `upload-${id}-${name}`;
    }
    for (const name of BUTTONS) {
      this.#nameAfterFile(name, name);
      this.#parts[name].addEventListener('click', () => this.#tell(`upload-${name}-wanted`));
      this.#describeBy(name, 'error');
    }
    this.#nameAfterFile('alt', 'alt-label');
    this.#describeBy('alt', 'error', 'alt-error');
    this.#nameAfterFile('progress');
    this.#parts.alt.value = alt;
    this.#parts.alt.addEventListener('input', () => {
      this.descriptionError = null;
      this.#tell('upload-described');
    });
    // The browser cannot preview every file it lets one choose.
    this.#parts.preview.addEventListener('error', () => this.#parts.preview.setAttribute('hidden', ''));
  }

  /** What the control does, if it says that, and the file. */
  #nameAfterFile(name, ...words) {
    this.#parts[name].setAttribute('aria-labelledby', [...words, 'name'].map((each) => this.#parts[each].id).join(' '));
  }

  #describeBy(name, ...words) {
    this.#parts[name].setAttribute('aria-describedby', words.map((each) => this.#parts[each].id).join(' '));
  }

  #offerShrinking() {
    if (this.#upload !== null && this.#upload.state !== 'done') {
      this.querySelector('shrink-offer').offer({ upload: this.#upload, limits: this.#limits });
    }
  }

  #tell(type) {
    tell(this, type, { id: this.#upload.id, alt: this.#parts.alt.value });
  }

  /** @returns {boolean} whether it is another than before: a smaller version, or the chosen one again */
  #showFile() {
    const { file } = this.#upload;
    if (this.#previewed?.file === file) {
      return false;
    }
    this.#parts.name.textContent = file.name;
    this.#parts.size.textContent = formatBytes(file.size);
    this.#showPreview(file);
    return true;
  }

  #showPreview(file) {
    if (this.#previewed !== null) {
      URL.revokeObjectURL(this.#previewed.url);
    }
    this.#previewed = file && { file, url: URL.createObjectURL(file) };
    if (file) {
      this.#parts.preview.src = this.#previewed.url;
      this.#parts.preview.hidden = false;
    }
  }

  #showState() {
    const { state, progress, error } = this.#parts;
    const { file, sentBytes } = this.#upload;
    // 100 % would claim more than is known: that is said when the server has answered.
    const percent = Math.min(Math.floor((sentBytes / file.size) * 100), 99);
    const wrong = this.#describeError();
    setText(error, wrong);
    // Not the same twice.
    setText(state, wrong === '' ? this.#describeState(percent) : '');
    if (this.#upload.state === 'saving') {
      // Without a value it shows that something goes on, not how much.
      progress.removeAttribute('value');
    } else {
      progress.value = percent;
    }
    this.#tick(this.#upload.state === 'waiting');
  }

  #describeState(percent) {
    const { state, stalled, retryAt, failure, file } = this.#upload;
    if (stalled && state === 'sending') {
      return text('upload.state.stalled');
    }
    if (state === 'waiting') {
      const count = Math.max(Math.ceil((retryAt - UploadRow.now()) / SECOND_MS), 0);
      return `${describeFailure(failure, { fileName: file.name }).text} ${text('upload.state.waiting', { count })}`;
    }
    if (state === 'queued' && this.hasAttribute('data-paused')) {
      return text('upload.state.offline');
    }
    // What was cancelled too late may be there all the same.
    return state === 'cancelled' && failure?.sent ? describeFailure(failure).text : text(STATE_WORDS[state], { percent });
  }

  /** What is wrong with the form is told there; what is tried again by itself is no alarm. */
  #describeError() {
    const { state, objection, failure, file } = this.#upload;
    if (state === 'refused') {
      return objection;
    }
    const wrong = state === 'failed' ? describeFailure(failure, { fileName: file.name }) : null;
    return wrong === null || FORM_FIELDS.includes(wrong.field) ? '' : wrong.text;
  }

  #tick(wanted) {
    clearInterval(this.#ticking);
    this.#ticking = wanted ? setInterval(() => setText(this.#parts.state, this.#describeState(0)), SECOND_MS) : null;
  }

  #offerControls() {
    const { state, failure } = this.#upload;
    const focused = document.activeElement;
    const offers = OFFERS[state].filter((name) => name !== 'retry' || state !== 'failed' || canBeRetried(failure));
    for (const name of BUTTONS) {
      this.#parts[name].hidden = !offers.includes(name);
    }
    this.#parts.alt.readOnly = !EDITABLE.includes(state);
    if (this.contains(focused) && focused.hidden) {
      this.focus();
    }
  }

  /** The row becomes the result. */
  #finish() {
    const wasHere = this.contains(document.activeElement);
    clearInterval(this.#ticking);
    this.#showPreview(null);
    const result = document.createElement('upload-result');
    this.replaceChildren(result);
    result.limits = this.#limits;
    result.show(this.#upload);
    if (wasHere) {
      this.focus();
    }
  }
}

/** @param {{now: () => number}} parts */
export function registerUploadRow({ now }) {
  UploadRow.now = now;
  customElements.define('upload-row', UploadRow);
}

/** The same again can succeed, or will once a field of the form is put right. */
function canBeRetried(failure) {
  const { retry, field } = describeFailure(failure);
  return retry || field === 'alt' || FORM_FIELDS.includes(field);
}

function setText(element, words) {
  if (element.textContent !== words) {
    element.textContent = words;
  }
}

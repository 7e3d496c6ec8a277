/*
 * <shrink-offer>: for an upload that is too large, or of a kind that only this
 * browser can read: makes a version that can be uploaded, shows both, and takes
 * it back. Sends nothing; the file that was chosen stays as it is.
 * Tells "file-shrunk" (detail: {upload, file}), "shrink-undone" ({upload}), and
 * "shrink-offered" when `canShrink` may have changed.
 * May import lib; what shrinks is loaded when it is wanted.
 */

import { formatBytes, formatDimensions } from '../../lib/format.js';
import { lookInto } from '../../lib/kinds.js';
import { text } from '../../lib/language.js';
import { announce, fromTemplate, part, tell } from '../../lib/page.js';

/** Kinds that some browsers can read, though the server takes none of them. */
const CONVERTIBLE = ['heic', 'avif', 'jxl', 'tiff', 'bmp'];
/** What the server says where it knew more than this page. */
const MENDABLE = ['file-too-large', 'image-dimensions-exceeded'];

const FAULTS = {
  unreadable: 'shrink.fault.unreadable',
  animated: 'shrink.fault.animated',
  undecodable: 'shrink.fault.undecodable',
  'too-many-pixels': 'shrink.fault.tooManyPixels',
  undrawable: 'shrink.fault.undrawable',
  unreachable: 'shrink.fault.unreachable',
  unloaded: 'shrink.fault.unloaded',
};
/** Another time these may end otherwise. */
const PASSING = ['unreadable', 'undrawable', 'unloaded'];

class ShrinkOffer extends HTMLElement {
  #upload = null;
  #limits = null;
  /** What was looked into. @type {File | null} */
  #judged = null;
  /** @type {'none' | 'offered' | 'working' | 'shrunk' | 'impossible'} */
  #state = 'none';
  /** It is not too large, but of a kind that the server does not take. */
  #converts = false;
  #canceller = null;
  #urls = [];

  disconnectedCallback() {
    this.#canceller?.abort();
    this.#dropPreviews();
  }

  /** Whether shrink() would do something. */
  get canShrink() {
    return this.#state === 'offered' && this.isConnected;
  }

  /**
   * The upload as it is now. Offers what helps, if anything does.
   * @param {{upload: import('../../lib/queue.js').Upload, limits: import('../../lib/restrict.js').Limits | null}} facts
   */
  offer({ upload, limits }) {
    this.#upload = upload;
    this.#limits = limits;
    if (upload.file !== upload.chosen) {
      // Once it is on its way, nothing can be taken back.
      this.#show(this.#state, { undo: ['ready', 'refused', 'failed', 'cancelled'].includes(upload.state) });
      return;
    }
    // Without the limits there is nothing to fit into.
    const mendable = upload.state === 'refused' || (upload.state === 'failed' && MENDABLE.includes(upload.failure.code));
    const wanted = limits !== null && mendable;
    if (!wanted) {
      this.#judged = null;
      if (this.#state !== 'none') {
        this.#canceller?.abort();
        this.#show('none');
      }
    } else if (this.#judged !== upload.chosen) {
      this.#judged = upload.chosen;
      this.#judge(upload.chosen);
    }
  }

  async shrink() {
    if (!this.canShrink) {
      return;
    }
    const upload = this.#upload;
    const canceller = new AbortController();
    this.#canceller = canceller;
    part(this, 'words').textContent = text('shrink.opening');
    part(this, 'progress').value = 0;
    this.#show('working');
    try {
      const { shrinkToFit, shrinkLimits } = await import('../../lib/shrink/shrink.js');
      const made = await shrinkToFit(upload.chosen, {
        limits: { ...shrinkLimits(this.#limits), maxBytes: this.#maxBytes },
        signal: canceller.signal,
        onTry: (tried) => this.#showTry(tried),
      });
      this.#succeed(upload, made);
    } catch (error) {
      if (!canceller.signal.aborted) {
        this.#fail(error);
      } else if (this.#state === 'working') {
        this.#offerAgain();
      }
    } finally {
      this.#canceller = null;
    }
  }

  /** What the server said last counts: /limits may be of another day, or a proxy may have its own. */
  get #maxBytes() {
    return Math.min(this.#limits.max_upload_bytes, this.#upload.failure?.maxUploadBytes ?? Infinity);
  }

  async #judge(file) {
    const contents = await lookInto(file);
    const taken = this.#limits.media_types.some(({ media_type: type }) => type === `image/${contents.kind}`);
    const helps = taken || (CONVERTIBLE.includes(contents.kind) && (await canDecode(file)));
    if (this.#judged !== file || this.#state === 'working') {
      return;
    }
    if (!helps) {
      // It may be looked into again: what looks may not have been loaded.
      this.#judged = null;
      return;
    }
    this.#converts = !(taken && this.#isTooLarge(file, contents));
    this.#begin();
    this.#name('start', this.#converts ? text('shrink.convert') : text('shrink.start'));
    if (contents.animated) {
      this.#fail({ fault: 'animated' });
    } else {
      this.#offerAgain();
    }
  }

  #isTooLarge({ size }, { width, height }) {
    const { max_pixels: pixels = Infinity, max_side: side = Infinity } = this.#limits;
    return size > this.#maxBytes || width * height > pixels || Math.max(width, height) > side;
  }

  /** Only now is there something to show. */
  #begin() {
    if (this.firstElementChild !== null) {
      return;
    }
    this.append(fromTemplate('shrink-offer-parts'));
    part(this, 'start').addEventListener('click', () => this.shrink());
    part(this, 'cancel').addEventListener('click', () => this.#canceller?.abort());
    part(this, 'undo').addEventListener('click', () => this.#undo());
    part(this, 'progress').ariaLabel = text('shrink.progress', { file: this.#upload.chosen.name });
    this.#name('cancel', text('shrink.cancel'));
    this.#name('undo', text('shrink.undo'));
  }

  #offerAgain() {
    part(this, 'words').textContent = this.#converts ? text('shrink.promiseJpeg') : text('shrink.promise');
    this.#show('offered');
  }

  #showTry({ tries, width, height }) {
    part(this, 'progress').value = tries;
    part(this, 'words').textContent = text('shrink.trying', { dimensions: formatDimensions(width, height) });
  }

  #succeed(upload, { file, width, height, before }) {
    const { chosen } = upload;
    const facts = {
      before: text('shrink.facts', { size: formatBytes(chosen.size), dimensions: formatDimensions(before.width, before.height) }),
      after: text('shrink.facts', { size: formatBytes(file.size), dimensions: formatDimensions(width, height) }),
    };
    for (const [when, of, alt] of [
      ['before', chosen, text('shrink.beforePicture', { file: chosen.name })],
      ['after', file, text('shrink.afterPicture', { file: chosen.name })],
    ]) {
      const url = URL.createObjectURL(of);
      this.#urls.push(url);
      Object.assign(part(this, `${when}-picture`), { src: url, alt });
      part(this, when).textContent = facts[when];
    }
    part(this, 'words').textContent = '';
    this.#show('shrunk');
    announce(text('shrink.done', { file: chosen.name, ...facts }));
    tell(this, 'file-shrunk', { upload, file });
  }

  #fail({ fault = 'unloaded' }) {
    const { name } = this.#upload.chosen;
    part(this, 'words').textContent = '';
    this.#show(PASSING.includes(fault) ? 'offered' : 'impossible');
    part(this, 'fault').textContent = text(FAULTS[fault], { file: name, limit: formatBytes(this.#maxBytes) });
  }

  #undo() {
    this.#offerAgain();
    tell(this, 'shrink-undone', { upload: this.#upload });
  }

  #show(state, { undo = true } = {}) {
    const changed = this.#state !== state;
    this.#state = state;
    if (this.firstElementChild === null) {
      return;
    }
    this.#showParts(undo);
    if (state !== 'shrunk') {
      this.#dropPreviews();
    }
    if (changed) {
      tell(this, 'shrink-offered');
    }
  }

  #showParts(undo) {
    const hadFocus = this.contains(document.activeElement);
    const shown = { start: 'offered', cancel: 'working', progress: 'working', undo: 'shrunk', compare: 'shrunk' };
    for (const [name, when] of Object.entries(shown)) {
      part(this, name).hidden = this.#state !== when || (name === 'undo' && !undo);
    }
    part(this, 'offer').hidden = this.#state === 'none';
    part(this, 'fault').textContent = '';
    // The focused button is gone; leave the person at the one that took its place.
    if (hadFocus) {
      this.querySelector('button:not([hidden])')?.focus();
    }
  }

  #dropPreviews() {
    this.#urls.splice(0).forEach((url) => URL.revokeObjectURL(url));
  }

  /** Which file it is about is said, where it is not seen. */
  #name(button, words) {
    Object.assign(part(this, button), {
      textContent: words,
      ariaLabel: text('shrink.named', { action: words, file: this.#upload.chosen.name }),
    });
  }
}

export function registerShrinkOffer() {
  customElements.define('shrink-offer', ShrinkOffer);
}

/** Chromium reads AVIF, Safari HEIC and TIFF, and who knows what next: only a try tells. */
async function canDecode(file) {
  try {
    (await createImageBitmap(file)).close();
    return true;
  } catch {
    return false;
  }
}

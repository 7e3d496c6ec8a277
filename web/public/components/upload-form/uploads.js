/*
 * The uploads of an <upload-form>: from chosen files to images. Keeps the queue,
 * shows it in <upload-list> and <upload-totals>, and says aloud what became of
 * it. Loaded when somebody is about to upload (uploading.js).
 * Tells "image-uploaded" (detail: the answer) from the form.
 * May import lib.
 */

import { tellRepeated } from '../../lib/chosen-files.js';
import { Insides } from '../../lib/insides.js';
import { announce, part, tell } from '../../lib/page.js';
import { UploadQueue } from '../../lib/queue.js';
import { fileObjection } from '../../lib/restrict-files.js';
import { altObjection, tidyText } from '../../lib/restrict.js';
import { uploadImage } from '../../lib/upload.js';
import { UploadNews } from '../../lib/upload-news.js';
import { describeFailure } from '../../lib/wording.js';

/** Of the form, not of one file: what is wrong there is wrong with all. */
const FORM_FIELDS = ['uploader', 'upload-key'];

export class Uploads {
  #form;
  #parts;
  #list;
  #totals;
  #shrinkAll;
  #limits;
  #queue;
  #news = new UploadNews(announce);
  #insides = new Insides();
  #told = new Set();

  /**
   * @param {HTMLElement} form the <upload-form>
   * @param {object} parts
   * @param {import('../../lib/restrict.js').Limits | null} parts.limits
   * @param {(some: boolean) => import('../../lib/queue.js').Sender | null} parts.sender who uploads; null after having
   *   shown what is wrong; `some`: there is something to send
   * @param {(field: string, reason: string) => void} parts.onFault of one of the form's fields, by the server
   * @param {(ready: number) => void} parts.onReady how many may be sent
   * @param {() => number} parts.now the queue's clock
   */
  constructor(form, parts) {
    this.#form = form;
    this.#parts = parts;
    this.#limits = parts.limits;
    this.#list = form.querySelector('upload-list');
    this.#totals = form.querySelector('upload-totals');
    this.#shrinkAll = part(form, 'shrink-all');
    this.#list.limits = parts.limits;
    this.#queue = new UploadQueue({
      send: ({ file, alt }, { uploader, ...rest }) => uploadImage({ file, uploader, alt: tidyText(alt) }, rest),
      object: (file) => fileObjection(file, this.#limits) ?? this.#insides.objectionTo(file),
      online: () => navigator.onLine,
      now: parts.now,
      later(action, ms) {
        const timer = setTimeout(action, ms);
        return () => clearTimeout(timer);
      },
      onChange: (upload) => this.#showUpload(upload),
      onTotals: (totals) => this.#showTotals(totals),
    });
    this.#hear();
    this.#showTotals(this.#queue.totals);
  }

  /** Something would be lost if the page were left now. */
  get isBusy() {
    return this.#queue.isBusy;
  }

  get hasRefused() {
    return this.#idsOf('refused').length > 0;
  }

  /** Files may have been chosen before they were known. */
  set limits(limits) {
    this.#limits = limits;
    this.#list.limits = limits;
    this.#queue.judgeAgain();
  }

  set online(online) {
    if (online) {
      this.#queue.resume();
    } else {
      this.#queue.pause();
    }
  }

  /** @param {import('../../lib/image.js').Image} image as the server describes it now */
  update(image) {
    this.#list.update(image);
  }

  /** The image is no more. */
  removeImage(imageId) {
    const upload = this.#queue.uploads.find(({ image }) => image?.id === imageId);
    if (upload !== undefined) {
      this.#remove(upload.id);
    }
  }

  /** @param {File[]} files @returns {File[]} those that are there already, and are not added */
  add(files) {
    // An upload that is done may be made once more.
    const known = this.#queue.uploads.filter(({ state }) => state !== 'done').map(({ chosen }) => chosen);
    const { fresh, repeated } = tellRepeated(files, known);
    const added = this.#queue.add(fresh);
    const refused = added.filter(({ state }) => state === 'refused').length;
    this.#news.chosen({ added: added.length, refused, repeated: repeated.length });
    this.#lookInside(fresh);
    return repeated;
  }

  /** Sends what is ready, and what failed for a field of the form that may have been put right since. */
  send() {
    const mended = this.#queue.uploads.filter((upload) => FORM_FIELDS.includes(fieldAtFault(upload)));
    this.#start(this.#idsOf('ready'), mended.map(({ id }) => id));
  }

  #hear() {
    const on = (type, action) => this.#form.addEventListener(type, ({ detail }) => action(detail ?? {}));
    this.#shrinkAll.addEventListener('click', () => this.#shrinkOneByOne());
    on('upload-described', ({ id, alt }) => this.#queue.describe(id, alt));
    on('upload-cancel-wanted', ({ id }) => this.#queue.cancel(id));
    on('upload-remove-wanted', ({ id }) => this.#remove(id));
    on('upload-retry-wanted', ({ id }) => this.#start([], [id]));
    on('cancel-all-wanted', () => this.#queue.cancelAll());
    on('retry-failed-wanted', () => this.#start([], this.#idsOf('failed')));
    on('hide-done-wanted', () => this.#idsOf('done').forEach((id) => this.#remove(id)));
    on('shrink-offered', () => this.#showShrinkAll());
    on('file-shrunk', ({ upload, file }) => this.#queue.replaceFile(upload.id, file));
    on('shrink-undone', ({ upload }) => this.#queue.replaceFile(upload.id, upload.chosen));
  }

  async #lookInside(files) {
    if (await this.#insides.look(files, this.#limits)) {
      this.#queue.judgeAgain();
    }
  }

  /** Each takes the memory of a whole photo. */
  async #shrinkOneByOne() {
    for (const offer of this.#form.querySelectorAll('shrink-offer')) {
      await offer.shrink();
    }
  }

  #showShrinkAll() {
    const offers = [...this.#form.querySelectorAll('shrink-offer')].filter(({ canShrink }) => canShrink);
    const hadFocus = this.#shrinkAll.contains(document.activeElement);
    this.#shrinkAll.hidden = offers.length < 2;
    if (hadFocus && this.#shrinkAll.hidden) {
      this.#form.querySelector('shrink-offer button:not([hidden])')?.focus();
    }
  }

  #remove(id) {
    this.#queue.remove(id);
    if (this.#list.remove(id)) {
      this.#form.querySelector('file-field').focus();
    }
    this.#showShrinkAll();
  }

  #start(ready, again) {
    const ids = [...ready, ...again];
    for (const { id, alt } of this.#queue.uploads.filter((upload) => ids.includes(upload.id))) {
      this.#list.rowOf(id).descriptionError = altObjection(tidyText(alt), this.#limits);
    }
    const sender = this.#parts.sender(ids.length > 0);
    if (sender === null) {
      return;
    }
    if (ids.length === 0) {
      this.#list.rowOf(this.#idsOf('refused')[0]).focus();
      return;
    }
    this.#news.started(ids);
    if (ready.length > 0) {
      this.#queue.send(sender);
    }
    again.forEach((id) => this.#queue.retry(id, sender));
  }

  #showUpload(upload) {
    const { id, state, image } = upload;
    this.#list.show(upload);
    if (state === 'done' && !this.#told.has(id)) {
      this.#told.add(id);
      tell(this.#form, 'image-uploaded', image);
    }
    const field = fieldAtFault(upload);
    if (FORM_FIELDS.includes(field) && !this.#told.has(upload.failure)) {
      this.#told.add(upload.failure);
      this.#parts.onFault(field, describeFailure(upload.failure).text);
    }
  }

  #showTotals(totals) {
    this.#totals.show(totals);
    this.#list.paused = totals.paused;
    this.#parts.onReady(totals.ready);
    this.#news.follow(this.#queue.uploads);
  }

  #idsOf(wanted) {
    return this.#queue.uploads.filter(({ state }) => state === wanted).map(({ id }) => id);
  }
}

/** Of an upload that failed. */
function fieldAtFault({ state, failure }) {
  return state === 'failed' ? describeFailure(failure).field : null;
}

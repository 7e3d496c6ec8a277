/*
 * The uploads of this page: which wait, which are on their way, which are tried
 * again, and how far all are together. Knows neither the document nor the
 * network: what sends, judges and tells the time is given to it.
 * May import ./failure.js, ./hold.js, ./pace.js, ./retry.js,
 * ./upload-entry.js and ./upload-totals.js.
 */

import { asFailure, Failure } from './failure.js';
import { Hold } from './hold.js';
import { Pace } from './pace.js';
import { holdsOthersBack, isRetriedByItself, MOST_RETRIES, needsNewKey, refusesAll, waitBeforeRetry } from './retry.js';
import { UploadEntry } from './upload-entry.js';
import { ACTIVE, totalsOf, UNDER_WAY } from './upload-totals.js';

/** So many at the same time: more would only share the same line. */
const PLACES = 3;
const STALL_MS = 15_000;

/** Nothing of it is on its way: its file may be another one. */
const AT_REST = ['refused', 'ready', 'failed', 'cancelled'];

/** @typedef {import('./upload-entry.js').Upload} Upload */
/** @typedef {import('./upload-totals.js').Totals & {paused: boolean}} Totals paused: the connection is away */

/** Whose uploads these are, and what lets them in. @typedef {{uploader: string, uploadKey: string}} Sender */

export class UploadQueue {
  #parts;
  #pace;
  /** By id, in the order of choosing. @type {Map<number, UploadEntry>} */
  #entries = new Map();
  #nextId = 0;
  #paused;
  #hold;

  /**
   * @param {object} parts
   * @param {(upload: Upload, parts: object) => Promise<object>} parts.send as uploadImage() of ./upload.js
   * @param {(file: File) => string | null} parts.object why a file cannot be sent
   * @param {() => boolean} parts.online
   * @param {() => number} parts.now milliseconds; never set back
   * @param {(action: () => void, ms: number) => () => void} parts.later returns what calls it off
   * @param {(upload: Upload) => void} parts.onChange
   * @param {(totals: Totals) => void} parts.onTotals
   */
  constructor(parts) {
    this.#parts = parts;
    this.#pace = new Pace(parts.now);
    this.#hold = new Hold(parts, () => this.#fill());
    this.#paused = !parts.online();
  }

  /** In the order of choosing. @returns {Upload[]} */
  get uploads() {
    return [...this.#entries.values()].map(({ upload }) => upload);
  }

  /** Something would be lost if the page were left now. */
  get isBusy() {
    return this.#inState('ready', 'failed', ...UNDER_WAY).length > 0;
  }

  /** @returns {Totals} */
  get totals() {
    return { ...totalsOf(this.uploads, this.#pace), paused: this.#paused };
  }

  /** @param {File[]} files @returns {Upload[]} */
  add(files) {
    const added = files.map((file) => new UploadEntry(this.#nextId++, file));
    for (const entry of added) {
      this.#entries.set(entry.upload.id, entry);
      this.#judge(entry);
    }
    return added.map(({ upload }) => upload);
  }

  /** The limits have become known. */
  judgeAgain() {
    this.#inState('ready', 'refused').forEach((entry) => this.#judge(entry));
  }

  /** Sends another file in its place: a smaller version, or the chosen one again. */
  replaceFile(id, file) {
    const entry = this.#entries.get(id);
    if (entry !== undefined && AT_REST.includes(entry.upload.state)) {
      Object.assign(entry.upload, { file, sentBytes: 0, failure: null });
      this.#judge(entry);
    }
  }

  describe(id, alt) {
    const entry = this.#entries.get(id);
    if (entry !== undefined) {
      entry.upload.alt = alt;
    }
  }

  /** Sends every one that is ready. @param {Sender} sender */
  send(sender) {
    this.#inState('ready').forEach((entry) => this.#enqueue(entry, sender));
    this.#fill();
  }

  /** Again, because the person says so. Under the same Idempotency-Key if it is the same. @param {Sender} sender */
  retry(id, sender) {
    const entry = this.#entries.get(id);
    if (entry !== undefined && ['failed', 'cancelled', 'waiting'].includes(entry.upload.state)) {
      // This one need not wait for what holds the others back.
      entry.insisted = true;
      this.#enqueue(entry, sender);
      this.#fill();
    }
  }

  cancel(id) {
    this.#cancel([this.#entries.get(id)]);
  }

  cancelAll() {
    this.#cancel([...this.#entries.values()]);
  }

  /** Takes it from the list, and off its way if it is on one. */
  remove(id) {
    this.#entries.get(id)?.stop();
    this.#entries.delete(id);
    this.#fill();
  }

  /** The connection is away. What is under way fails by itself, or does not: the browser's word is a guess. */
  pause() {
    this.#paused = true;
    // What broke off for that has perhaps been told first.
    for (const entry of this.#inState('waiting').filter(({ upload }) => upload.failure.code === 'network')) {
      entry.retries -= 1;
      this.#queueAgain(entry);
    }
    this.#tellTotals();
  }

  /** The connection is back: what has waited for that waits no longer. */
  resume() {
    this.#paused = false;
    for (const entry of this.#inState('waiting')) {
      if (entry.upload.failure.status === 0) {
        this.#queueAgain(entry);
      }
    }
    this.#fill();
  }

  #judge(entry) {
    const objection = this.#parts.object(entry.upload.file);
    this.#change(entry, { objection, state: objection === null ? 'ready' : 'refused' });
  }

  #enqueue(entry, sender) {
    if (entry.upload.failure !== null && needsNewKey(entry.upload.failure)) {
      entry.key.drop();
    }
    Object.assign(entry, { sender, retries: 0 });
    // That there is no connection is the browser's guess. The person's word is worth a try.
    this.#paused = false;
    this.#queueAgain(entry);
  }

  #queueAgain(entry) {
    entry.stop();
    this.#change(entry, { state: 'queued', sentBytes: 0, stalled: false, retryAt: null, failure: null });
  }

  #cancel(entries) {
    for (const entry of entries.filter((each) => UNDER_WAY.includes(each?.upload.state))) {
      const sent = entry.upload.state === 'saving';
      entry.stop();
      this.#change(entry, { state: 'cancelled', sentBytes: 0, stalled: false, retryAt: null, failure: new Failure('cancelled', { sent }) });
    }
    this.#fill();
  }

  /** Lets as many go as there are places. */
  #fill() {
    const free = this.#paused ? 0 : PLACES - this.#inState(...ACTIVE).length;
    const mayGo = this.#inState('queued').filter(({ insisted }) => insisted || !this.#hold.isOn);
    mayGo.slice(0, Math.max(free, 0)).forEach((entry) => this.#run(entry));
    if (this.#inState(...ACTIVE).length === 0) {
      this.#pace.rest();
    }
    this.#tellTotals();
  }

  async #run(entry) {
    const { upload, sender } = entry;
    const run = entry.start();
    this.#change(entry, { state: 'sending' });
    this.#pace.add(0);
    this.#expectMovement(entry);
    // What comes of a run that was stopped is nobody's any more.
    const unlessStopped = (action) => (value) => {
      if (entry.run === run) {
        action(value);
      }
    };
    const { file, alt } = upload;
    await this.#parts
      .send(upload, {
        ...sender,
        key: entry.key.for({ file, alt, uploader: sender.uploader }),
        signal: run.signal,
        onProgress: unlessStopped((bytes) => this.#move(entry, bytes)),
        onSent: unlessStopped(() => this.#save(entry)),
      })
      .then(
        unlessStopped((image) => this.#finish(entry, image)),
        unlessStopped((error) => this.#fail(entry, asFailure(error))),
      );
  }

  #move(entry, bytes) {
    this.#pace.add(Math.max(bytes - entry.upload.sentBytes, 0));
    this.#change(entry, { sentBytes: bytes, stalled: false });
    this.#expectMovement(entry);
  }

  #expectMovement(entry) {
    entry.callOff();
    entry.callOff = this.#parts.later(() => this.#change(entry, { stalled: true }), STALL_MS);
  }

  #save(entry) {
    entry.callOff();
    this.#pace.add(entry.upload.file.size - entry.upload.sentBytes);
    this.#change(entry, { state: 'saving', sentBytes: entry.upload.file.size, stalled: false });
  }

  #finish(entry, image) {
    entry.stop();
    entry.key.drop();
    this.#change(entry, { state: 'done', sentBytes: entry.upload.file.size, image });
    this.#fill();
  }

  #fail(entry, failure) {
    entry.stop();
    this.#judgeFailure(entry, failure);
    this.#fill();
  }

  #judgeFailure(entry, failure) {
    if (failure.code === 'network' && (this.#paused || !this.#parts.online())) {
      // That is no try: there was no connection to try it on.
      this.#paused = true;
      this.#queueAgain(entry);
      return;
    }
    if (isRetriedByItself(failure) && entry.retries < MOST_RETRIES) {
      this.#wait(entry, failure);
      return;
    }
    this.#change(entry, { state: 'failed', sentBytes: 0, stalled: false, failure });
    if (refusesAll(failure)) {
      const { uploadKey } = entry.sender;
      for (const other of this.#inState('queued', 'waiting').filter(({ sender }) => sender.uploadKey === uploadKey)) {
        other.stop();
        this.#change(other, { state: 'failed', retryAt: null, failure });
      }
    }
  }

  #wait(entry, failure) {
    const ms = waitBeforeRetry(entry.retries, failure);
    const retryAt = this.#parts.now() + ms;
    entry.retries += 1;
    this.#change(entry, { state: 'waiting', sentBytes: 0, stalled: false, retryAt, failure });
    if (holdsOthersBack(failure)) {
      // Apart from this one's own turn: it may be cancelled before.
      this.#hold.extend(retryAt);
    }
    entry.callOff = this.#parts.later(() => {
      this.#queueAgain(entry);
      this.#fill();
    }, ms);
  }

  #change(entry, facts) {
    Object.assign(entry.upload, facts);
    this.#parts.onChange(entry.upload);
    this.#tellTotals();
  }

  #tellTotals() {
    this.#parts.onTotals(this.totals);
  }

  #inState(...states) {
    return [...this.#entries.values()].filter(({ upload }) => states.includes(upload.state));
  }
}

/*
 * One upload of the queue (./queue.js), and what only the queue has to know of it.
 * May import ./idempotency.js.
 */

import { SubmissionKey } from './idempotency.js';

/**
 * @typedef {object} Upload
 * @property {number} id in this page only
 * @property {File} file what is sent: the chosen one, or its smaller version
 * @property {File} chosen never changed
 * @property {string} alt its description
 * @property {'refused' | 'ready' | 'queued' | 'sending' | 'saving' | 'waiting' | 'failed' | 'cancelled' | 'done'} state
 *   refused: an objection stands; ready: may be sent; queued: waits for a place; sending: bytes leave; saving: all have
 *   left; waiting: will be tried again by itself; failed, cancelled: until the person says; done: `image` is the answer
 * @property {string | null} objection why it cannot be sent, in words
 * @property {number} sentBytes of `file.size`
 * @property {boolean} stalled nothing has moved for 15 s
 * @property {number | null} retryAt of the queue's clock
 * @property {Failure | null} failure
 * @property {object | null} image the API's answer
 */

export class UploadEntry {
  /** @type {Upload} */
  upload;
  key = new SubmissionKey();
  /** @type {Sender | null} */
  sender = null;
  /** By itself, since the person last said so. */
  retries = 0;
  /** The person said so of this one, while it waited or after it had failed. */
  insisted = false;
  /** What it is doing; another object at each try. @type {AbortController | null} */
  run = null;
  /** Of what is to happen later. */
  callOff = () => {};

  constructor(id, file) {
    const start = { sentBytes: 0, stalled: false, retryAt: null, failure: null, image: null };
    this.upload = { id, file, chosen: file, alt: '', state: 'ready', objection: null, ...start };
  }

  start() {
    this.run = new AbortController();
    this.insisted = false;
    return this.run;
  }

  /** Whatever it is doing or waiting for. */
  stop() {
    const { run } = this;
    this.callOff();
    // First forgotten, then aborted: what that sets off is nobody's any more.
    this.run = null;
    run?.abort();
  }
}

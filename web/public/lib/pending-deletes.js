/*
 * Deletes that can still be undone: nothing is sent before the time is up. What
 * is added meanwhile goes with what is there, and the time begins anew. They are
 * kept in this page only: a person who closes it right after pressing "Delete"
 * expects the images deleted, so leaving sends them (`sendNow`, on `pagehide`,
 * by requests that outlive the page).
 * Pure. Takes the clock and the request as arguments.
 */

export const UNDO_MS = 10_000;

const SECOND_MS = 1000;

/** @template {{id: string}} T */
export class PendingDeletes {
  #parts;
  #images = [];
  /** While the time runs, the moment it is up; while it stands still, null. */
  #end = null;
  #left = 0;
  #stopTicking = null;

  /**
   * @param {object} parts
   * @param {(images: T[]) => void} parts.send they are due
   * @param {() => void} parts.onChange whatever is shown is another; at least once a second
   * @param {() => number} parts.now ms
   * @param {(action: () => void, ms: number) => () => void} parts.later gives what cancels it
   */
  constructor(parts) {
    this.#parts = parts;
  }

  get count() {
    return this.#images.length;
  }

  get secondsLeft() {
    return Math.ceil(this.#remaining() / SECOND_MS);
  }

  /** @param {T[]} images */
  add(images) {
    const paused = this.count > 0 && this.#end === null;
    this.#images = [...new Map([...this.#images, ...images].map((image) => [image.id, image])).values()];
    this.#left = UNDO_MS;
    this.#end = null;
    if (paused) {
      this.#parts.onChange();
    } else {
      this.resume();
    }
  }

  /** @returns {T[]} what is not deleted after all */
  undo() {
    return this.#take();
  }

  sendNow() {
    const images = this.#take();
    if (images.length > 0) {
      this.#parts.send(images);
    }
  }

  /** The time stands still, while a person is about to decide. */
  pause() {
    this.#left = this.#remaining();
    this.#end = null;
    this.#stopTicking?.();
  }

  resume() {
    if (this.count > 0 && this.#end === null) {
      this.#end = this.#parts.now() + this.#left;
      this.#tick();
    }
  }

  #remaining() {
    return this.#end === null ? this.#left : Math.max(0, this.#end - this.#parts.now());
  }

  #tick() {
    this.#stopTicking?.();
    const remaining = this.#remaining();
    if (remaining === 0) {
      this.sendNow();
      return;
    }
    // When the number of seconds that is shown becomes another.
    this.#stopTicking = this.#parts.later(() => this.#tick(), remaining % SECOND_MS || SECOND_MS);
    this.#parts.onChange();
  }

  #take() {
    const images = this.#images;
    this.#images = [];
    this.pause();
    this.#left = 0;
    this.#parts.onChange();
    return images;
  }
}

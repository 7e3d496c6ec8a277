/*
 * How fast bytes leave, over the last seconds: steady enough to be read.
 * Imports nothing. Takes the clock as an argument.
 */

const WINDOW_MS = 6000;
/** Less than this says little: the first bytes only fill buffers. */
const SHORTEST_MS = 1500;

export class Pace {
  #now;
  #moved = 0;
  #movedAt = -Infinity;
  #seen = [];

  /** @param {() => number} now milliseconds */
  constructor(now) {
    this.#now = now;
  }

  /** Nothing is under way: what comes next is counted from here. */
  rest() {
    this.#movedAt = -Infinity;
    this.#seen = [];
  }

  /** @param {number} bytes that have left since the last time */
  add(bytes) {
    const time = this.#now();
    this.#moved += bytes;
    this.#movedAt = bytes > 0 ? time : this.#movedAt;
    this.#seen.push({ time, moved: this.#moved });
    // The last one before the window stays: the window begins between the two.
    while (this.#seen.length > 2 && time - this.#seen[1].time >= WINDOW_MS) {
      this.#seen.shift();
    }
  }

  /** Null while unknown, and when nothing has moved for so long that there is none. */
  get bytesPerSecond() {
    const [first] = this.#seen;
    const time = this.#now();
    const elapsed = first === undefined ? 0 : time - first.time;
    return elapsed < SHORTEST_MS || time - this.#movedAt >= WINDOW_MS ? null : ((this.#moved - first.moved) / elapsed) * 1000;
  }

  /** Seconds for so many bytes. Null while unknown, and while nothing moves. */
  secondsFor(bytes) {
    const speed = this.bytesPerSecond;
    return speed === null || speed < 1 ? null : bytes / speed;
  }
}

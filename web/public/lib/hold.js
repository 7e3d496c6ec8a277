/*
 * How long nothing more may be started, because the server has said so.
 * Imports nothing. Takes the clock as an argument.
 */

export class Hold {
  #now;
  #later;
  #onEnd;
  #until = 0;
  #callOff = () => {};

  /**
   * @param {object} clock
   * @param {() => number} clock.now milliseconds; never set back
   * @param {(action: () => void, ms: number) => () => void} clock.later returns what calls it off
   * @param {() => void} onEnd
   */
  constructor({ now, later }, onEnd) {
    this.#now = now;
    this.#later = later;
    this.#onEnd = onEnd;
  }

  get isOn() {
    return this.#now() < this.#until;
  }

  /** At least until then. */
  extend(time) {
    this.#until = Math.max(this.#until, time);
    this.#watch();
  }

  /** Timers of browsers come a little early: they leave out parts of a millisecond. */
  #watch() {
    this.#callOff();
    this.#callOff = this.#later(() => (this.isOn ? this.#watch() : this.#onEnd()), Math.ceil(this.#until - this.#now()));
  }
}

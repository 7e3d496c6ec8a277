/*
 * Objections that only a look into a file can give, kept as they become known:
 * looking takes a moment, and judging must not.
 * May import ./kinds.js.
 */

import { objectionInside } from './kinds.js';

export class Insides {
  #objections = new WeakMap();

  /** @returns {string | null} in the person's words; null too while it has not been looked into */
  objectionTo(file) {
    return this.#objections.get(file) ?? null;
  }

  /**
   * @param {File[]} files
   * @param {import('./restrict.js').Limits | null} limits
   * @returns {Promise<boolean>} whether anything is to be judged anew
   */
  async look(files, limits) {
    let changed = false;
    for (const file of files) {
      const objection = await objectionInside(file, limits);
      changed ||= objection !== this.objectionTo(file);
      this.#objections.set(file, objection);
    }
    return changed;
  }
}

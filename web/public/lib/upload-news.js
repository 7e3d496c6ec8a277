/*
 * What is worth saying aloud of many uploads: how many were added, that they are
 * under way, half, and what became of them, each once. A screen reader that
 * reads out every percent says nothing.
 * May import ./language.js. Takes the uploads of ./queue.js as plain values.
 */

import { text } from './language.js';

const UNDER_WAY = ['queued', 'sending', 'saving', 'waiting'];

export class UploadNews {
  #say;
  #batch = new Set();
  #halfSaid = false;

  /** @param {(text: string) => void} say */
  constructor(say) {
    this.#say = say;
  }

  /** @param {{added: number, refused: number, repeated: number}} counts */
  chosen(counts) {
    this.#sayCounts(counts);
  }

  /** @param {number[]} ids of uploads that were just started, perhaps beside others */
  started(ids) {
    if (ids.length > 0) {
      this.#batch = new Set([...this.#batch, ...ids]);
      this.#halfSaid = false;
      this.#say(text('upload.news.started', { count: ids.length }));
    }
  }

  /** @param {import('./queue.js').Upload[]} uploads as they are now */
  follow(uploads) {
    const batch = uploads.filter(({ id }) => this.#batch.has(id));
    if (this.#batch.size === 0) {
      return;
    }
    if (!batch.some(({ state }) => UNDER_WAY.includes(state))) {
      this.#batch.clear();
      const count = (state) => batch.filter((upload) => upload.state === state).length;
      const pending = batch.filter(({ image }) => image && image.storage.s3 !== 'stored').length;
      this.#sayCounts({ done: count('done'), failed: count('failed'), cancelled: count('cancelled'), pending });
      return;
    }
    const sum = (sizeOf) => batch.reduce((total, upload) => total + sizeOf(upload), 0);
    if (!this.#halfSaid && sum(({ sentBytes }) => sentBytes) * 2 >= sum(({ file }) => file.size)) {
      this.#halfSaid = true;
      this.#say(text('upload.news.half'));
    }
  }

  #sayCounts(counts) {
    const said = Object.entries(counts).filter(([, count]) => count > 0);
    if (said.length > 0) {
      this.#say(`${said.map(([name, count]) => text(`upload.news.${name}`, { count })).join(', ')}.`);
    }
  }
}

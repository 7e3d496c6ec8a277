import { Failure } from '../../public/lib/failure.js';
import { UploadQueue } from '../../public/lib/queue.js';

export const SENDER = { uploader: 'Ada', uploadKey: '' };

/** A queue with a clock, a line and a connection that the test moves by hand. */
export class QueueBench {
  time = 0;
  online = true;
  timers = new Set();
  sends = [];
  totals = null;
  changes = [];
  limit = Infinity;

  queue = new UploadQueue({
    send: (upload, parts) => this.#take(upload, parts),
    object: ({ size, name }) => (size > this.limit ? `${name} is too large` : null),
    online: () => this.online,
    now: () => this.time,
    later: (action, ms) => {
      // As browsers do: whole milliseconds, so that it may come a little early.
      const timer = { at: this.time + Math.trunc(ms), action };
      this.timers.add(timer);
      return () => this.timers.delete(timer);
    },
    onChange: ({ file, state }) => this.changes.push(`${file.name} ${state}`),
    onTotals: (totals) => {
      this.totals = totals;
    },
  });

  add(...names) {
    return this.queue.add(names.map((name) => new File(['0123456789'], name)));
  }

  /** Chosen and sent. */
  start(...names) {
    const uploads = this.add(...names);
    this.queue.send(SENDER);
    return uploads;
  }

  #take(upload, parts) {
    return new Promise((resolve, reject) => {
      this.sends.push({
        name: upload.file.name,
        ...parts,
        answer: (image = { id: upload.file.name }) => settle(() => resolve(image)),
        fail: (code, facts) => settle(() => reject(new Failure(code, facts))),
      });
    });
  }

  /** The last time that this file was sent. */
  sendOf(name) {
    return this.sends.findLast((send) => send.name === name);
  }

  /** The files that were sent, in the order of sending. */
  get sent() {
    return this.sends.map(({ name }) => name);
  }

  get states() {
    return this.queue.uploads.map(({ state }) => state);
  }

  pass(ms) {
    const end = this.time + ms;
    for (;;) {
      const [next] = [...this.timers].filter(({ at }) => at <= end).sort((one, other) => one.at - other.at);
      if (next === undefined) {
        break;
      }
      this.timers.delete(next);
      this.time = Math.max(this.time, next.at);
      next.action();
    }
    this.time = end;
  }
}

/** Until the queue has heard of it. */
async function settle(action) {
  action();
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/*
 * How far all uploads are together.
 * Pure. Imports nothing.
 */

/** Bytes are leaving, or have left and the answer is awaited. */
export const ACTIVE = ['sending', 'saving'];
/** Started, and not at an end. */
export const UNDER_WAY = ['queued', 'waiting', ...ACTIVE];

/**
 * @typedef {object} Totals of everything that was started and not cancelled; `ready` are those that may be
 * @property {number} count
 * @property {number} ready
 * @property {number} queued with those that wait to be tried again
 * @property {number} active
 * @property {number} failed
 * @property {number} done
 * @property {number} bytes
 * @property {number} sentBytes
 * @property {number | null} bytesPerSecond null while unknown
 * @property {number | null} secondsLeft null while unknown
 */

/**
 * @param {import('./upload-entry.js').Upload[]} uploads
 * @param {import('./pace.js').Pace} pace
 * @returns {Totals}
 */
export function totalsOf(uploads, pace) {
  const count = (...states) => uploads.filter(({ state }) => states.includes(state)).length;
  const started = uploads.filter(({ state }) => ['failed', 'done', ...UNDER_WAY].includes(state));
  const owed = started.filter(({ state }) => state !== 'failed');
  return {
    count: started.length,
    ready: count('ready'),
    queued: count('queued', 'waiting'),
    active: count(...ACTIVE),
    failed: count('failed'),
    done: count('done'),
    bytes: sum(started, ({ file }) => file.size),
    sentBytes: sum(started, ({ sentBytes }) => sentBytes),
    bytesPerSecond: pace.bytesPerSecond,
    secondsLeft: pace.secondsFor(sum(owed, ({ file, sentBytes }) => file.size - sentBytes)),
  };
}

function sum(uploads, sizeOf) {
  return uploads.reduce((total, upload) => total + sizeOf(upload), 0);
}

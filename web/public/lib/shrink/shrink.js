/*
 * Shrinks a picture until it fits: off the page's own thread where the browser
 * can, one at a time, so that several large photos never are in memory together.
 * The file that was chosen is only read.
 * May import its neighbours.
 */

import { look } from './contents.js';
import { CannotShrink, fit } from './fit.js';
import { keeps, renamed } from './rules.js';

export { shrinkLimits } from './rules.js';

/** The one before, whatever became of it. */
let last = Promise.resolve();

/**
 * @param {File} file
 * @param {object} options
 * @param {import('./rules.js').ShrinkLimits} options.limits
 * @param {(tried: {tries: number, width: number, height: number}) => void} [options.onTry] before each
 * @param {AbortSignal} [options.signal]
 * @returns {Promise<{file: File, width: number, height: number, quality: number, before: {width: number, height: number}}>}
 * @throws {CannotShrink | DOMException} the latter is the signal's reason
 */
export async function shrinkToFit(file, { limits, onTry = () => {}, signal = new AbortController().signal }) {
  const before = last;
  const { promise, resolve: release } = withResolvers();
  last = promise;
  try {
    await Promise.race([before, aborted(signal)]);
    const fitted = (await fitInWorker(file, limits, { onTry, signal })) ?? (await fit(file, limits, { onTry, signal }));
    signal.throwIfAborted();
    return await check(file, fitted, limits);
  } finally {
    // Cancelled while it waited, the one before may still be at work.
    before.then(release);
  }
}

/** @returns {Promise<import('./fit.js').Fitted | null>} null: this browser has no worker that can */
async function fitInWorker(file, limits, { onTry, signal }) {
  const { promise, resolve, reject } = withResolvers();
  let worker = null;
  try {
    worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
    // Neither loaded nor able to start.
    worker.addEventListener('error', () => resolve(null));
    worker.addEventListener('message', ({ data: { ready, tried, fitted, fault } }) => {
      if (ready) {
        worker.postMessage({ file, limits });
      } else if (tried) {
        onTry(tried);
      } else if (fault) {
        reject(new CannotShrink(fault));
      } else {
        resolve(fitted ?? null);
      }
    });
    return await Promise.race([promise, aborted(signal)]);
  } catch (error) {
    if (worker === null) {
      return null;
    }
    throw error;
  } finally {
    // Whatever it was doing; its memory goes with it.
    worker?.terminate();
  }
}

/** What came out is looked at as if somebody else had made it. */
async function check({ name, lastModified }, { blob, quality, before }, limits) {
  const file = new File([blob], renamed(name, blob.type), { type: blob.type, lastModified });
  const { kind, width, height } = look(new Uint8Array(await file.arrayBuffer()));
  if (`image/${kind}` !== file.type || !keeps({ size: file.size, type: file.type, width, height }, limits)) {
    throw new CannotShrink('undrawable');
  }
  return { file, width, height, quality, before };
}

function aborted(signal) {
  const { promise, reject } = withResolvers();
  signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  if (signal.aborted) {
    reject(signal.reason);
  }
  return promise;
}

/** Promise.withResolvers(), which is younger than the browsers that come here. */
function withResolvers() {
  let resolve;
  let reject;
  const promise = new Promise((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}

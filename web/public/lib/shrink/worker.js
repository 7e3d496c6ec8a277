/*
 * Shrinks one picture off the page's own thread, then is ended.
 * May import ./fit.js.
 */

import { fit } from './fit.js';

globalThis.addEventListener('message', async ({ data: { file, limits } }) => {
  try {
    postMessage({ fitted: await fit(file, limits, { onTry: (tried) => postMessage({ tried }) }) });
  } catch (error) {
    // Anything else is a bug, or a worker that lacks something: the page then does it by itself.
    postMessage({ fault: error.fault ?? null });
  }
});

postMessage({ ready: true });

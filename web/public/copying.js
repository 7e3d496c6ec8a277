/*
 * What copies addresses: for uploads that are done and for the large view,
 * loaded with the first of them.
 * May import components and lib.
 */

import { registerCopyButton } from './components/copy-button/copy-button.js';
import { registerCopyChoice } from './components/copy-choice/copy-choice.js';
import { loadStyles } from './lib/styles.js';

let registered = false;

/** @param {{memory: import('./lib/memory.js').Memory}} parts */
export async function prepareCopying({ memory }) {
  await loadStyles('components/copy-choice/copy-choice.css');
  if (!registered) {
    registered = true;
    registerCopyButton();
    registerCopyChoice({ memory });
  }
}

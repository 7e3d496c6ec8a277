/*
 * <upload-totals>: how far all uploads are together, and what can be done with
 * all of them. Tells "cancel-all-wanted", "retry-failed-wanted" and
 * "hide-done-wanted".
 * May import lib.
 */

import { formatBytes, formatSpeed, formatTimeLeft } from '../../lib/format.js';
import { text } from '../../lib/language.js';
import { part, tell } from '../../lib/page.js';

class UploadTotals extends HTMLElement {
  #parts;

  connectedCallback() {
    const names = ['line', 'progress', 'offline', 'cancel-all', 'retry-failed', 'hide-done'];
    this.#parts = Object.fromEntries(names.map((name) => [name, part(this, name)]));
    for (const name of names.slice(3)) {
      this.#parts[name].addEventListener('click', () => tell(this, `${name}-wanted`));
    }
  }

  /** @param {import('../../lib/queue.js').Totals} totals */
  show(totals) {
    const { line, progress, offline } = this.#parts;
    const { queued, active, done, failed, bytes, sentBytes } = totals;
    const busy = queued + active > 0;
    // Kept when all is over, so that one sees what became of it.
    this.toggleAttribute('data-started', busy || done + failed > 0);
    setText(line, describe(totals, busy));
    progress.value = bytes > 0 ? Math.floor((sentBytes / bytes) * 100) : 0;
    offline.hidden = !totals.paused;
    this.#offer('cancel-all', queued + active > 1);
    this.#offer('retry-failed', failed > 1);
    this.#offer('hide-done', !busy && done > 0);
  }

  /** Who is at a button that goes stays near. */
  #offer(name, offered) {
    const button = this.#parts[name];
    const hadFocus = button === document.activeElement;
    button.hidden = !offered;
    if (hadFocus && !offered) {
      tell(this, 'focus-lost');
    }
  }
}

export function registerUploadTotals() {
  customElements.define('upload-totals', UploadTotals);
}

function describe({ count, done, failed, bytes, sentBytes, bytesPerSecond, secondsLeft }, busy) {
  const facts = [text('upload.totals.done', { done, count })];
  if (failed > 0) {
    facts.push(text('upload.totals.failed', { count: failed }));
  }
  if (busy) {
    facts.push(text('upload.totals.bytes', { sent: formatBytes(sentBytes), all: formatBytes(bytes) }));
  }
  if (busy && bytesPerSecond !== null) {
    facts.push(formatSpeed(bytesPerSecond));
  }
  if (busy && secondsLeft !== null) {
    facts.push(formatTimeLeft(secondsLeft));
  }
  return facts.join(', ');
}

function setText(element, words) {
  if (element.textContent !== words) {
    element.textContent = words;
  }
}

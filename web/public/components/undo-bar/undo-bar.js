/*
 * <undo-bar>: deletes that can still be undone, and for how long. The seconds
 * are seen, and said once. They stand still while the pointer or the focus is
 * here (WCAG 2.2.1); leaving the page does not wait for them. Loaded at the first
 * delete.
 * Tells "deletes-due" and "deletes-undone" (detail of both: the images).
 * May import lib.
 */

import { text } from '../../lib/language.js';
import { announce, part, tell } from '../../lib/page.js';
import { PendingDeletes, UNDO_MS } from '../../lib/pending-deletes.js';

class UndoBar extends HTMLElement {
  #pending = new PendingDeletes({
    send: (images) => tell(this, 'deletes-due', images),
    onChange: () => this.#show(),
    now: () => performance.now(),
    later(action, ms) {
      const timer = setTimeout(action, ms);
      return () => clearTimeout(timer);
    },
  });
  #parts;

  connectedCallback() {
    this.#parts = Object.fromEntries(['bar', 'words', 'seconds', 'undo'].map((name) => [name, part(this, name)]));
    const { bar, undo } = this.#parts;
    undo.addEventListener('click', () => tell(this, 'deletes-undone', this.#pending.undo()));
    for (const type of ['pointerenter', 'focusin']) {
      bar.addEventListener(type, () => this.#pending.pause());
    }
    bar.addEventListener('pointerleave', () => this.#resumeUnless(bar.contains(document.activeElement)));
    bar.addEventListener('focusout', () => this.#resumeUnless(bar.matches(':hover')));
    window.addEventListener('pagehide', () => this.#pending.sendNow());
  }

  /** @param {import('../../lib/image.js').Image[]} images that are to be deleted */
  offer(images) {
    this.#pending.add(images);
    announce(text('undo.said', { count: this.#pending.count, seconds: UNDO_MS / 1000 }));
  }

  #resumeUnless(held) {
    if (!held) {
      this.#pending.resume();
    }
  }

  #show() {
    const { count, secondsLeft } = this.#pending;
    this.#parts.bar.hidden = count === 0;
    if (count > 0) {
      this.#parts.words.textContent = text('undo.deleted', { count });
      this.#parts.seconds.textContent = text('undo.seconds', { count: secondsLeft });
    }
  }
}

/** Once is enough. */
export function registerUndoBar() {
  if (customElements.get('undo-bar') === undefined) {
    customElements.define('undo-bar', UndoBar);
  }
}

/*
 * <copy-button data-what="the link">: copies the address in the link before it.
 * May import lib.
 */

import { announce } from '../../lib/page.js';

const SHOW_DONE_MS = 2000;

class CopyButton extends HTMLElement {
  #button = null;
  #timer = null;

  connectedCallback() {
    if (this.#button !== null) {
      return;
    }
    this.#button = document.createElement('button');
    this.#button.type = 'button';
    this.#button.className = 'button button--quiet';
    this.#say('Copy');
    this.#button.addEventListener('click', () => this.#copy());
    this.append(this.#button);
  }

  async #copy() {
    const source = this.previousElementSibling;
    const done = (await copyText(source.href)) || copyBySelecting(source);
    this.#say(done ? 'Copied' : 'Selected');
    announce(done ? `Copied ${this.dataset.what}.` : `Could not copy. ${source.textContent} is selected.`);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#say('Copy'), SHOW_DONE_MS);
  }

  /** The name that is read out begins with the text that is seen, so that speech input finds it (WCAG 2.5.3). */
  #say(text) {
    this.#button.textContent = text;
    this.#button.setAttribute('aria-label', `${text} ${this.dataset.what}`);
  }
}

export function registerCopyButton() {
  customElements.define('copy-button', CopyButton);
}

async function copyText(text) {
  try {
    // Undefined on plain http away from localhost: then this throws as well.
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

/** The old way, which works on plain http. Where it fails too, the text stays selected for the person's own hand. */
function copyBySelecting(element) {
  getSelection().selectAllChildren(element);
  const done = document.execCommand('copy');
  if (done) {
    getSelection().removeAllRanges();
  }
  return done;
}

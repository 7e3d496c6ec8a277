/*
 * <copy-button data-what="link">: copies the address of the link before it, or
 * the text of the field before it. `what` can also be given in words.
 * May import lib.
 */

import { text } from '../../lib/language.js';
import { announce } from '../../lib/page.js';

const SHOW_DONE_MS = 2000;

const WHAT = { link: 'copy.theLink', url: 'copy.theUrl', 'delete-link': 'copy.theDeleteLink' };

class CopyButton extends HTMLElement {
  #button = null;
  #timer = null;
  #what = '';

  connectedCallback() {
    if (this.#button !== null) {
      return;
    }
    this.#button = document.createElement('button');
    this.#button.type = 'button';
    this.#button.className = 'button button--quiet';
    this.#button.addEventListener('click', () => this.#copy());
    this.append(this.#button);
    if (Object.hasOwn(WHAT, this.dataset.what)) {
      this.#what = text(WHAT[this.dataset.what]);
    }
    this.#rest();
  }

  /** In words, as they stand behind "Copy". @param {string} what */
  set what(what) {
    this.#what = what;
    this.#rest();
  }

  async #copy() {
    const source = this.previousElementSibling;
    const done = (await copyText(source.value ?? source.href)) || copyBySelecting(source, this.#button);
    const what = this.#what;
    if (done) {
      this.#say(text('copy.copied'), text('copy.copiedWhat', { what }));
      announce(text('copy.done', { what }));
    } else {
      this.#say(text('copy.selected'), text('copy.selectedWhat', { what }));
      announce(text('copy.failed'));
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#rest(), SHOW_DONE_MS);
  }

  #rest() {
    clearTimeout(this.#timer);
    this.#say(text('copy.copy'), text('copy.copyWhat', { what: this.#what }));
  }

  /** The name that is read out holds the text that is seen, so that speech input finds it (WCAG 2.5.3). */
  #say(seen, name) {
    if (this.#button !== null) {
      this.#button.textContent = seen;
      this.#button.ariaLabel = name;
    }
  }
}

export function registerCopyButton() {
  customElements.define('copy-button', CopyButton);
}

async function copyText(words) {
  try {
    // Undefined on plain http away from localhost: then this throws as well.
    await navigator.clipboard.writeText(words);
    return true;
  } catch {
    return false;
  }
}

/** The old way, which works on plain http. Where it fails too, the text stays selected for the person's own hand. */
function copyBySelecting(source, button) {
  if ('select' in source) {
    // Only the selection of the field that has the focus is copied.
    source.focus();
    source.select();
  } else {
    getSelection().selectAllChildren(source);
  }
  const done = document.execCommand('copy');
  if (done) {
    getSelection().removeAllRanges();
    button.focus();
  }
  return done;
}

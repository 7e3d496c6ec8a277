/*
 * <copy-choice>: an image as text to paste elsewhere, in the format of the
 * person's choice. The text is seen before it is copied. The choice is
 * remembered.
 * May import lib.
 */

import { text } from '../../lib/language.js';
import { fromTemplate, part } from '../../lib/page.js';
import { FORMATS, knownFormat, snippetOf } from '../../lib/snippets.js';

const NAMES = {
  link: 'copy.link',
  markdown: 'copy.markdown',
  html: 'copy.html',
  bbcode: 'copy.bbcode',
  'bbcode-alt': 'copy.bbcodeAlt',
  url: 'copy.url',
};

class CopyChoice extends HTMLElement {
  static memory;

  #image = null;

  connectedCallback() {
    if (this.firstElementChild === null) {
      this.append(fromTemplate('copy-choice-fields'));
      const format = part(this, 'format');
      format.append(...FORMATS.map((each) => new Option(text(NAMES[each]), each)));
      format.addEventListener('change', () => {
        CopyChoice.memory.copyFormat = format.value;
        this.#show();
      });
    }
    this.#show();
  }

  /** @param {import('../../lib/image.js').Image} image */
  set image(image) {
    this.#image = image;
    this.#show();
  }

  #show() {
    if (this.#image === null || this.firstElementChild === null) {
      return;
    }
    const format = knownFormat(CopyChoice.memory.copyFormat);
    part(this, 'format').value = format;
    part(this, 'snippet').value = snippetOf(this.#image, format);
    part(this, 'copy').what = text('copy.asFormat', { format: text(NAMES[format]) });
  }
}

/** Needs <copy-button>. @param {{memory: import('../../lib/memory.js').Memory}} options */
export function registerCopyChoice({ memory }) {
  CopyChoice.memory = memory;
  customElements.define('copy-choice', CopyChoice);
}

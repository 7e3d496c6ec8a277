/*
 * <own-tools>: what can be done with the list of one's own images: select
 * several of them, and take the list to another browser as a file. Loaded when
 * they are first shown.
 * Tells "selecting-changed" (detail: whether it is on), "select-all-wanted",
 * "delete-selected-wanted" and "own-images-imported".
 * May import lib.
 */

import { text } from '../../lib/language.js';
import { part, tell } from '../../lib/page.js';

/** The file of tokens has to be there until the browser has read it. */
const KEEP_FILE_MS = 60_000;

class OwnTools extends HTMLElement {
  /** Set by registerOwnTools(). @type {import('../../lib/memory.js').Memory} */
  static memory;

  #parts;

  connectedCallback() {
    const names = ['select', 'delete', 'all', 'cancel', 'export', 'import', 'outcome', 'problem'];
    this.#parts = Object.fromEntries(names.map((name) => [name, part(this, name)]));
    const on = (name, type, action) => this.#parts[name].addEventListener(type, action);
    on('select', 'click', () => this.#select(true));
    on('cancel', 'click', () => this.#select(false));
    on('all', 'click', () => tell(this, 'select-all-wanted'));
    on('delete', 'click', () => tell(this, 'delete-selected-wanted'));
    on('export', 'click', () => this.#export());
    on('import', 'change', () => this.#import());
  }

  /** How many images are selected. @param {number} count */
  set count(count) {
    this.#parts.delete.disabled = count === 0;
    this.#parts.delete.textContent = count === 0 ? text('own.deleteNone') : text('own.delete', { count });
  }

  /** Nothing is being selected any more. */
  stop() {
    this.#show(false);
    tell(this, 'selecting-changed', false);
  }

  #select(selecting) {
    this.#show(selecting);
    tell(this, 'selecting-changed', selecting);
    // The button that was pressed is gone.
    this.#parts[selecting ? 'all' : 'select'].focus();
  }

  #show(selecting) {
    this.count = 0;
    this.#parts.select.hidden = selecting;
    for (const name of ['delete', 'all', 'cancel']) {
      this.#parts[name].hidden = !selecting;
    }
  }

  async #export() {
    const module = await this.#loadModule();
    if (module === null) {
      return;
    }
    const file = new Blob([module.exportImages(OwnTools.memory)], { type: 'application/json' });
    const link = document.createElement('a');
    link.href = URL.createObjectURL(file);
    link.download = module.FILE_NAME;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), KEEP_FILE_MS);
    this.#say(text('own.exported', { count: OwnTools.memory.imageIds.length, file: module.FILE_NAME }));
  }

  async #import() {
    const [file] = this.#parts.import.files;
    const module = file ? await this.#loadModule() : null;
    if (module === null) {
      return;
    }
    const { problem, added, known, unusable, lasting } = await module.importImages(file, OwnTools.memory);
    // The same file can be chosen again.
    this.#parts.import.value = '';
    if (problem !== null) {
      this.#say('', text(`own.problem.${problem}`, { file: file.name }));
      return;
    }
    const counts = [text('own.added', { count: added }), text('own.known', { count: known })];
    const damaged = unusable > 0 ? text('own.unusable', { count: unusable }) : '';
    this.#say(counts.join(' '), [damaged, lasting ? '' : text('own.fleeting')].join(' ').trim());
    if (added > 0) {
      tell(this, 'own-images-imported');
    }
  }

  /** What is rarely needed is loaded then. @returns {Promise<typeof import('../../lib/own-images-file.js') | null>} */
  async #loadModule() {
    this.#say('');
    try {
      return await import('../../lib/own-images-file.js');
    } catch {
      this.#say('', text('own.problem.offline'));
      return null;
    }
  }

  #say(outcome, problem = '') {
    this.#parts.outcome.textContent = outcome;
    this.#parts.problem.textContent = problem;
  }
}

/** Once is enough. */
export function registerOwnTools({ memory }) {
  OwnTools.memory = memory;
  if (customElements.get('own-tools') === undefined) {
    customElements.define('own-tools', OwnTools);
  }
}

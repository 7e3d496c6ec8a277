/*
 * What this browser remembers: the person's name, the delete tokens of images
 * uploaded from here, and an upload key if the person wants that. Works without
 * storage (private windows, blocked cookies, full quota); then it forgets when
 * the page closes.
 * Imports nothing. Takes the Storage as an argument.
 */

const NAME = 'image-handler.name';
const LANGUAGE = 'image-handler.language';
const COPY_FORMAT = 'image-handler.copy-format';
const THEME = 'image-handler.theme';
const UPLOAD_KEY = 'image-handler.upload-key';
// One entry per token: two tabs never overwrite each other's.
const TOKEN = 'image-handler.delete-token.';

export class Memory {
  #storage;
  #fallback = new Map();

  /** @param {() => Storage} openStorage a function, because merely naming localStorage can throw */
  constructor(openStorage = () => globalThis.localStorage) {
    try {
      this.#storage = openStorage() ?? null;
    } catch {
      this.#storage = null;
    }
  }

  get name() {
    return this.#read(NAME) ?? '';
  }

  set name(name) {
    this.#write(NAME, name);
  }

  /** One of LANGUAGES (./language.js); empty when none was chosen. */
  get language() {
    return this.#read(LANGUAGE) ?? '';
  }

  set language(language) {
    this.#write(LANGUAGE, language);
  }

  /** As what images are copied: one of FORMATS (./snippets.js); empty when none was chosen. */
  get copyFormat() {
    return this.#read(COPY_FORMAT) ?? '';
  }

  set copyFormat(format) {
    this.#write(COPY_FORMAT, format);
  }

  /** "light" or "dark"; empty: as the system has it. */
  get theme() {
    return this.#read(THEME) ?? '';
  }

  set theme(theme) {
    this.#write(THEME, theme);
  }

  /** Empty when none is remembered. */
  get uploadKey() {
    return this.#read(UPLOAD_KEY) ?? '';
  }

  set uploadKey(key) {
    this.#write(UPLOAD_KEY, key);
  }

  forgetUploadKey() {
    this.#forget(UPLOAD_KEY);
  }

  /** The ids of the images uploaded from here, in no order. @returns {string[]} */
  get imageIds() {
    const keys = new Set([...this.#fallback.keys(), ...this.#storedKeys()]);
    return [...keys].filter((key) => key.startsWith(TOKEN)).map((key) => key.slice(TOKEN.length));
  }

  /** @returns {string | null} */
  tokenOf(id) {
    return this.#read(TOKEN + id);
  }

  /** @returns {boolean} it outlives the page */
  keepToken(id, token) {
    return this.#write(TOKEN + id, token);
  }

  forgetToken(id) {
    this.#forget(TOKEN + id);
  }

  #storedKeys() {
    try {
      return Array.from({ length: this.#storage?.length ?? 0 }, (_, index) => this.#storage.key(index));
    } catch {
      return [];
    }
  }

  #forget(key) {
    this.#fallback.delete(key);
    try {
      this.#storage?.removeItem(key);
    } catch {
      // Nothing to do: a storage that can be reached no more cannot be read by this page either.
    }
  }

  #read(key) {
    if (this.#fallback.has(key)) {
      return this.#fallback.get(key);
    }
    try {
      return this.#storage?.getItem(key) ?? null;
    } catch {
      return null;
    }
  }

  #write(key, value) {
    try {
      if (this.#storage) {
        this.#storage.setItem(key, value);
        this.#fallback.delete(key);
        return true;
      }
    } catch {
      // Full or forbidden: keep it for this page at least.
    }
    this.#fallback.set(key, value);
    return false;
  }
}

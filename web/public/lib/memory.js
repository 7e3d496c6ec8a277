/*
 * What this browser remembers: the person's name, and the delete tokens of
 * images uploaded from here. Works without storage (private windows, blocked
 * cookies, full quota); then it forgets when the page closes.
 * Imports nothing. Takes the Storage as an argument.
 */

const NAME = 'image-handler.name';
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

  /** @returns {string | null} */
  tokenOf(id) {
    return this.#read(TOKEN + id);
  }

  keepToken(id, token) {
    this.#write(TOKEN + id, token);
  }

  forgetToken(id) {
    this.#fallback.delete(TOKEN + id);
    try {
      this.#storage?.removeItem(TOKEN + id);
    } catch {
      // Nothing to do: a token of a deleted image is harmless.
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
        return;
      }
    } catch {
      // Full or forbidden: keep it for this page at least.
    }
    this.#fallback.set(key, value);
  }
}

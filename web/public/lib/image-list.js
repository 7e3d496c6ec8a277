/*
 * A list of images that grows page by page and keeps its order, whatever is
 * uploaded or deleted meanwhile: newest first, each image once. Pages go on by
 * cursor (keyset), so nothing that comes or goes shifts them.
 * Pure. Imports nothing.
 */

export class ImageList {
  /** Newest first. @type {import('./image.js').Image[]} */
  images = [];

  #load;
  #gone;
  #cursor = null;
  #ended = false;

  /**
   * @param {(cursor: string | null) => Promise<{items: import('./image.js').Image[], next_cursor: string | null}>} load
   * @param {ReadonlySet<string>} gone ids that are to be left out, also of pages that are on their way
   */
  constructor(load, gone = new Set()) {
    this.#load = load;
    this.#gone = gone;
  }

  /** There is no further page. */
  get ended() {
    return this.#ended;
  }

  /** Loads the next page. @returns {Promise<import('./image.js').Image[]>} what is new in it */
  async more() {
    const page = await this.#load(this.#cursor);
    this.#cursor = page.next_cursor;
    this.#ended = this.#cursor === null;
    const fresh = page.items.filter(({ id }) => !this.#gone.has(id) && this.find(id) === undefined);
    fresh.forEach((image) => this.add(image));
    return fresh;
  }

  /** Puts an image where it belongs; one that is there already is replaced. */
  add(image) {
    this.remove(image.id);
    // Ids are UUIDs of version 7: they sort by time.
    const index = this.images.findIndex(({ id }) => id < image.id);
    this.images.splice(index === -1 ? this.images.length : index, 0, image);
  }

  remove(id) {
    this.images = this.images.filter((image) => image.id !== id);
  }

  find(id) {
    return this.images.find((image) => image.id === id);
  }

  /**
   * The next older (1) or newer (-1) one. The image itself may have been removed meanwhile.
   * @returns {import('./image.js').Image | undefined} also when only the next page can tell
   */
  neighbour(id, step) {
    if (this.#isBeyond(id)) {
      return undefined;
    }
    return step > 0 ? this.images.find((image) => image.id < id) : this.images.findLast((image) => image.id > id);
  }

  /** The next older one may be on the next page. */
  mayGoOn(id) {
    return !this.#ended && !this.#isBeyond(id) && this.neighbour(id, 1) === undefined;
  }

  /** Older than all that was loaded: what is beside it is not known. */
  #isBeyond(id) {
    return this.#cursor !== null && id < this.#cursor && this.find(id) === undefined;
  }
}

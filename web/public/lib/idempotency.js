/*
 * Idempotency keys: one per submission, kept for as long as it stays the same,
 * so that "Try again" after a lost answer cannot store an image twice.
 * Pure but for the random numbers. Imports nothing.
 */

/** A random UUID (version 4). Takes the Web Crypto object so that tests can take parts of it away. */
export function newKey(crypto = globalThis.crypto) {
  if (typeof crypto.randomUUID === 'function') {
    return crypto.randomUUID();
  }
  // Browsers hide randomUUID on plain http away from localhost, where a first try-out often runs.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

export class SubmissionKey {
  #submission = null;
  #key = null;
  #makeKey;

  constructor(makeKey = newKey) {
    this.#makeKey = makeKey;
  }

  /**
   * The key of this submission. Another file, name or description is another submission:
   * under the old key the server would have to refuse it.
   * @param {{file: File, uploader: string, alt: string}} submission
   */
  for(submission) {
    const same =
      this.#submission !== null &&
      ['file', 'uploader', 'alt'].every((part) => this.#submission[part] === submission[part]);
    if (!same) {
      this.#submission = { ...submission };
      this.#key = this.#makeKey();
    }
    return this.#key;
  }

  /** After a success, and after an answer that says the key is of no more use. */
  drop() {
    this.#submission = null;
    this.#key = null;
  }
}

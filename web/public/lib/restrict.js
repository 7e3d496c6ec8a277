/*
 * What can be said about the texts of a submission before a byte is sent. The
 * server decides; this only saves the person a wait.
 * Its words are the section "limits" of the catalogue.
 * May import ./language.js.
 */

import { text } from './language.js';

/**
 * @typedef {object} Limits the answer of GET /limits
 * @property {number} max_upload_bytes
 * @property {{media_type: string, extensions: string[]}[]} media_types
 * @property {number} max_uploader_characters
 * @property {number} max_alt_characters
 * @property {number} max_frames not checked here, nor is the next: both take reading the whole image
 * @property {number} max_animation_pixels
 * @property {boolean} upload_key_required
 * @property {boolean} public_listing false: only the operator may list images
 * @property {Record<string, number>} [variant_sizes] longer side of each variant, in pixels
 */

/** @returns {string | null} why not, in the person's words */
export function uploaderObjection(uploader, limits) {
  if (uploader === '') {
    return text('limits.noName');
  }
  return tooLong(uploader, limits?.max_uploader_characters, 'limits.nameLength');
}

/** @returns {string | null} why not, in the person's words */
export function altObjection(alt, limits) {
  return tooLong(alt, limits?.max_alt_characters, 'limits.altLength');
}

/**
 * Nothing but visible ASCII can come through a header whole: anything else was not copied well.
 * @returns {string | null} why not, in the person's words
 */
export function uploadKeyObjection(key) {
  if (key === '') {
    return text('limits.noKey');
  }
  return /^[\x21-\x7e]+$/.test(key) ? null : text('limits.key');
}

/** Text as the server will keep it: trimmed and composed, so that both count the same characters. */
export function tidyText(written) {
  return written.normalize('NFC').trim();
}

function tooLong(written, limit, key) {
  // Characters, not UTF-16 units: an emoji counts once, as on the server.
  const count = [...written].length;
  return limit !== undefined && count > limit ? text(key, { count, limit }) : null;
}

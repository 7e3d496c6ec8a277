/*
 * What can be said about a submission before a byte is sent. The server
 * decides; this only saves the person a wait. The type is the browser's word
 * (it goes by the name): content is looked at by the server alone.
 * Pure. May import ./format.js.
 */

import { formatMediaTypes, formatSizeAgainstLimit } from './format.js';

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

/**
 * @param {{name: string, size: number, type: string} | null} file
 * @param {Limits | null} limits null while unknown: then the server alone decides
 * @returns {string | null} why not, in the person's words
 */
export function fileObjection(file, limits) {
  if (!file) {
    return 'Choose an image first.';
  }
  if (limits && !isAcceptedType(file, limits)) {
    const types = formatMediaTypes(limits.media_types.map((type) => type.media_type));
    return `“${file.name}” is not an image that can be uploaded here. Choose a ${types} file.`;
  }
  if (file.size === 0) {
    return `“${file.name}” is empty. Choose another file.`;
  }
  if (limits && file.size > limits.max_upload_bytes) {
    const [size, limit] = formatSizeAgainstLimit(file.size, limits.max_upload_bytes);
    return `“${file.name}” is too large: it has ${size}, the limit is ${limit}. Choose or save a smaller version.`;
  }
  return null;
}

/** @returns {string | null} why not, in the person's words */
export function uploaderObjection(uploader, limits) {
  if (uploader === '') {
    return 'Write your name: it is shown with the image.';
  }
  return tooLong(uploader, limits?.max_uploader_characters, 'This name');
}

/** @returns {string | null} why not, in the person's words */
export function altObjection(alt, limits) {
  return tooLong(alt, limits?.max_alt_characters, 'This description');
}

/**
 * Nothing but visible ASCII can come through a header whole: anything else was not copied well.
 * @returns {string | null} why not, in the person's words
 */
export function uploadKeyObjection(key) {
  if (key === '') {
    return 'Write your upload key: this site takes uploads only with one.';
  }
  return /^[\x21-\x7e]+$/.test(key)
    ? null
    : 'This cannot be an upload key: it holds spaces or signs that no key has. Check that it was copied right.';
}

/** Text as the server will keep it: trimmed and composed, so that both count the same characters. */
export function tidyText(text) {
  return text.normalize('NFC').trim();
}

function isAcceptedType(file, limits) {
  const name = file.name.toLowerCase();
  // Either is enough: some systems give an image no type, or an old one such as image/pjpeg.
  return limits.media_types.some(
    ({ media_type: type, extensions }) =>
      file.type === type || extensions.some((extension) => name.endsWith(`.${extension}`)),
  );
}

function tooLong(text, limit, subject) {
  // Characters, not UTF-16 units: an emoji counts once, as on the server.
  const length = [...text].length;
  return limit !== undefined && length > limit
    ? `${subject} has ${length} characters. Shorten it to ${limit}.`
    : null;
}

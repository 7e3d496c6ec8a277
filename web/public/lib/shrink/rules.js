/*
 * What a smaller version of a picture may be: of which type, how large at most,
 * by which name; and whether what came out keeps the limits.
 * Pure. Imports nothing.
 */

/**
 * @typedef {object} ShrinkLimits
 * @property {number} maxBytes
 * @property {number} [maxPixels]
 * @property {number} [maxSide]
 * @property {string[]} [types] media types that are taken; all that a browser can write when left out
 */

const EXTENSIONS = { 'image/jpeg': ['jpg', 'jpeg', 'jpe', 'jfif'], 'image/png': ['png'], 'image/webp': ['webp'] };

/** Below this longer side a picture says nothing any more. */
const LEAST_SIDE = 32;

/** @param {import('../restrict.js').Limits} limits of the server @returns {ShrinkLimits} */
export function shrinkLimits({ max_upload_bytes: maxBytes, max_pixels: maxPixels, max_side: maxSide, media_types: types }) {
  return { maxBytes, maxPixels, maxSide, types: types?.map((type) => type.media_type) };
}

/** What to write, the best first: a photo as JPEG; what is transparent in a type that can be. */
export function typesToTry(opaque, types = Object.keys(EXTENSIONS)) {
  const best = opaque ? ['image/jpeg', 'image/webp', 'image/png'] : ['image/webp', 'image/png', 'image/jpeg'];
  return best.filter((type) => types.includes(type));
}

/** How much of its size a picture may keep: all of it, unless it has too many pixels. */
export function greatestScale({ width, height }, { maxPixels = Infinity, maxSide = Infinity }) {
  return Math.min(1, Math.sqrt(maxPixels / (width * height)), maxSide / Math.max(width, height));
}

export function leastScale({ width, height }) {
  return Math.min(1, LEAST_SIDE / Math.max(width, height));
}

/** Rounded down: up could be a pixel beyond a limit. */
export function scaled({ width, height }, scale) {
  // A third of 300 is 99.999… in binary.
  const side = (length) => Math.max(1, Math.floor(length * scale + 1e-6));
  return { width: side(width), height: side(height) };
}

/** The same name with the extension of what is in the file now. */
export function renamed(name, type) {
  const [, stem, extension = ''] = /^(.+?)(?:\.([^.]*))?$/s.exec(name) ?? ['', 'image'];
  return EXTENSIONS[type].includes(extension.toLowerCase()) ? name : `${stem}.${EXTENSIONS[type][0]}`;
}

/**
 * @param {{size: number, type: string, width: number, height: number}} made
 * @param {ShrinkLimits} limits
 */
export function keeps({ size, type, width, height }, { maxBytes, maxPixels = Infinity, maxSide = Infinity, types }) {
  return (
    size > 0 &&
    size <= maxBytes &&
    width * height <= maxPixels &&
    Math.max(width, height) <= maxSide &&
    (types === undefined || types.includes(type))
  );
}

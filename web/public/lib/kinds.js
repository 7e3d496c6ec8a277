/*
 * Files that cannot be uploaded, but that people take for images with good
 * reason: what each is, and what to do with it.
 * May import ./language.js; what reads contents is loaded when it is wanted.
 */

import { text } from './language.js';

/** @typedef {'heic' | 'avif' | 'jxl' | 'tiff' | 'bmp' | 'psd' | 'raw' | 'svg' | 'pdf' | 'video'} Kind */

/** Names end in these. Types are mostly unknown to the systems that do not know the kind. */
const ENDINGS = {
  heic: /\.(heic|heif|hif|heics)$/i,
  avif: /\.avifs?$/i,
  jxl: /\.jxl$/i,
  tiff: /\.tiff?$/i,
  bmp: /\.(bmp|dib)$/i,
  psd: /\.psd$/i,
  raw: /\.(dng|cr[23w]|nef|nrw|arw|raf|rw2|orf|pef|srw|x3f)$/i,
  svg: /\.svgz?$/i,
  pdf: /\.pdf$/i,
  video: /\.(mp4|mov|m4v|webm|avi|mkv|3gp)$/i,
};
const TYPES = {
  heic: /^image\/hei[cf]/,
  avif: /^image\/avif/,
  tiff: /^image\/tiff/,
  bmp: /^image\/(x-ms-)?bmp/,
  svg: /^image\/svg/,
  pdf: /^application\/pdf/,
  video: /^video\//,
};
const WORDS = { heic: 'shrink.heic', raw: 'shrink.raw', svg: 'shrink.svg', pdf: 'shrink.pdf', video: 'shrink.video' };
/** The others are explained alike. */
const NAMES = { avif: 'AVIF', jxl: 'JPEG XL', tiff: 'TIFF', bmp: 'BMP', psd: 'Photoshop' };

/** Enough to hold the header of any picture, behind a camera's preview. */
const HEAD_BYTES = 1 << 20;

/** By name and type alone. @returns {Kind | null} */
export function kindByName({ name, type }) {
  const matches = (patterns, value) => Object.keys(patterns).find((kind) => patterns[kind].test(value));
  return matches(ENDINGS, name) ?? matches(TYPES, type) ?? null;
}

/** @returns {string} what it is and what to do */
export function describeKind(kind, file) {
  return kind in WORDS ? text(WORDS[kind], { file }) : text('shrink.otherKind', { file, kind: NAMES[kind] });
}

/**
 * What only a look into a file can tell, before it is sent: that it is another kind than its name says, or a picture
 * of too many pixels. The server decides; this saves the person the wait.
 * @param {File} file
 * @param {import('./restrict.js').Limits | null} limits
 * @returns {Promise<string | null>} why not, in the person's words; null too where the file cannot be read
 */
export async function objectionInside(file, limits) {
  const { kind, width, height } = await lookInto(file);
  if (kind in ENDINGS) {
    return describeKind(kind, file.name);
  }
  const { max_pixels: pixels = Infinity, max_side: side = Infinity } = limits ?? {};
  if (width * height > pixels) {
    return text('shrink.tooManyPixels', { file: file.name, width, height, limit: pixels });
  }
  return Math.max(width, height) > side ? text('shrink.tooLong', { file: file.name, width, height, limit: side }) : null;
}

/**
 * A file that was moved away is told of when it is sent, and so is one when what looks cannot be loaded.
 * @returns {Promise<import('./shrink/contents.js').Contents>} of the file's beginning
 */
export async function lookInto(file) {
  try {
    const { look } = await import('./shrink/contents.js');
    return look(new Uint8Array(await file.slice(0, HEAD_BYTES).arrayBuffer()));
  } catch {
    return { kind: null, animated: false, width: null, height: null };
  }
}

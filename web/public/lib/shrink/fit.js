/*
 * Makes the largest version of a picture that keeps the limits. Runs where
 * ./shrink.js says: in a worker, or in the page.
 * May import its neighbours.
 */

import { look } from './contents.js';
import { Picture } from './picture.js';
import { greatestScale, leastScale, scaled, typesToTry } from './rules.js';
import { searchLargest } from './search.js';

/**
 * Why it cannot be made. A plain code: it comes out of a worker.
 * @typedef {'unreadable' | 'animated' | 'undecodable' | 'too-many-pixels' | 'undrawable' | 'unreachable'} ShrinkFault
 */

/** @typedef {{blob: Blob, width: number, height: number, quality: number, before: {width: number, height: number}}} Fitted */

/** What is read to look at, and a picture of more pixels than any camera's, which would take half a gigabyte. */
const MOST_BYTES = 256 * 1024 * 1024;
const MOST_PIXELS = 128_000_000;

/** Canvases of browsers on phones end at these, the newer and the older ones. */
const CANVAS_PIXELS = [Infinity, 16_777_216, 4_194_304];

/** This browser cannot write the type. */
const NOT_WRITTEN = {};

export class CannotShrink extends Error {
  /** @param {ShrinkFault} fault */
  constructor(fault) {
    super(fault);
    this.fault = fault;
  }
}

/**
 * @param {Blob} file
 * @param {import('./rules.js').ShrinkLimits} limits
 * @param {{onTry: (tried: {tries: number, width: number, height: number}) => void, signal?: AbortSignal}} options
 * @returns {Promise<Fitted>}
 * @throws {CannotShrink}
 */
export async function fit(file, limits, { onTry, signal }) {
  await refuseWhatCannotBe(file);
  const picture = await Picture.open(file).catch(() => Promise.reject(new CannotShrink('undecodable')));
  try {
    signal?.throwIfAborted();
    const before = { width: picture.width, height: picture.height };
    let tries = 0;
    const tell = (size) => {
      signal?.throwIfAborted();
      tries += 1;
      onTry({ tries, ...size });
    };
    for (const type of typesToTry(isOpaque(picture), limits.types)) {
      const found = await bestOf(picture, type, limits, tell);
      if (found === null) {
        throw new CannotShrink('unreachable');
      }
      if (found !== NOT_WRITTEN) {
        return { blob: found.made.blob, ...scaled(before, found.scale), quality: found.quality, before };
      }
    }
    throw new CannotShrink('undrawable');
  } finally {
    picture.close();
  }
}

async function refuseWhatCannotBe(file) {
  const head = file.size > MOST_BYTES ? file.slice(0, MOST_BYTES) : file;
  const bytes = await head.arrayBuffer().catch(() => Promise.reject(new CannotShrink('unreadable')));
  const { animated, width, height } = look(new Uint8Array(bytes));
  if (animated) {
    throw new CannotShrink('animated');
  }
  if (width * height > MOST_PIXELS) {
    throw new CannotShrink('too-many-pixels');
  }
}

function isOpaque(picture) {
  try {
    return picture.isOpaque();
  } catch {
    throw new CannotShrink('undrawable');
  }
}

async function bestOf(picture, type, limits, tell) {
  const encode = async (scale, quality) => {
    const size = scaled(picture, scale);
    tell(size);
    const blob = await picture.encode({ ...size, type, quality });
    if (blob.type !== type) {
      throw NOT_WRITTEN;
    }
    return { size: blob.size, blob };
  };
  const { maxBytes } = limits;
  const greatest = greatestScale(picture, limits);
  const lossless = type === 'image/png';
  const scales = CANVAS_PIXELS.map((maxPixels) => Math.min(greatest, greatestScale(picture, { maxPixels })));
  for (const maxScale of new Set(scales)) {
    const minScale = Math.min(maxScale, leastScale(picture));
    try {
      return await searchLargest(encode, { maxBytes, maxScale, minScale, lossless });
    } catch (error) {
      if (error === NOT_WRITTEN) {
        return NOT_WRITTEN;
      }
      if (error.name === 'AbortError') {
        throw error;
      }
      // The canvas was larger than this browser has: once more, with a smaller one.
    }
  }
  throw new CannotShrink('undrawable');
}

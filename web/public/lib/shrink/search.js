/*
 * Looks for the best version of a picture that fits into so many bytes, in few
 * tries: first less quality at full size, down to where it begins to show, then
 * less size. Nothing is known of how an encoder behaves but that smaller is
 * mostly less; what is chosen has been made and measured.
 * Pure. Imports nothing.
 */

const BEST_QUALITY = 0.92;
const LEAST_QUALITY = 0.8;
const MOST_TRIES = 10;
const QUALITY_TRIES = 4;

/** A version this near to the limit is not worth another try. */
const NEAR = 0.95;
/** What is aimed at: a guess that is a little too large is a try for nothing. */
const AIM = 0.975;
/** Two sizes that nobody can tell apart. */
const SAME_SIZE = 1.01;

/**
 * @template {{size: number}} Made
 * @param {(scale: number, quality: number) => Promise<Made>} encode
 * @param {object} options
 * @param {number} options.maxBytes
 * @param {number} [options.maxScale] no larger than this from the start
 * @param {number} [options.minScale] below it nothing is left to be seen
 * @param {boolean} [options.lossless] quality makes no difference
 * @returns {Promise<{scale: number, quality: number, made: Made} | null>} null: it cannot be made to fit
 */
export async function searchLargest(encode, { maxBytes, maxScale = 1, minScale = 1 / 64, lossless = false }) {
  let tries = 0;
  let best = null;

  async function attempt(scale, quality) {
    tries += 1;
    const made = await encode(scale, quality);
    const fits = made.size <= maxBytes;
    if (fits && (best === null || scale > best.scale || (scale === best.scale && quality > best.quality))) {
      best = { scale, quality, made };
    }
    return { scale, size: made.size, fits };
  }

  const full = await attempt(maxScale, BEST_QUALITY);
  if (full.fits) {
    return best;
  }
  const least = lossless ? full : await attempt(maxScale, LEAST_QUALITY);
  if (least.fits) {
    await raiseQuality(attempt, maxBytes, { least, full });
    return best;
  }
  const quality = lossless ? BEST_QUALITY : LEAST_QUALITY;
  await lowerSize((scale) => attempt(scale, quality), { maxBytes, minScale, from: least, triesLeft: () => MOST_TRIES - tries });
  return best;
}

async function raiseQuality(attempt, maxBytes, { least, full }) {
  let low = { quality: LEAST_QUALITY, ...least };
  let high = { quality: BEST_QUALITY, ...full };
  for (let tries = 0; tries < QUALITY_TRIES && low.size < maxBytes * NEAR; tries += 1) {
    const quality = (low.quality + high.quality) / 2;
    const tried = { quality, ...(await attempt(low.scale, quality)) };
    if (tried.fits) {
      low = tried;
    } else {
      high = tried;
    }
  }
}

async function lowerSize(attempt, { maxBytes, minScale, from, triesLeft }) {
  let tooLarge = from;
  let fitting = null;
  while (triesLeft() > 0 && !isNearEnough(fitting, tooLarge, maxBytes)) {
    if (fitting === null && tooLarge.scale <= minScale) {
      return;
    }
    // The last chance of having anything at all is the least there is.
    const scale = fitting === null && triesLeft() === 1 ? minScale : guess(fitting, tooLarge, maxBytes, minScale);
    const tried = await attempt(scale);
    if (tried.fits) {
      fitting = tried;
    } else {
      tooLarge = tried;
    }
  }
}

function isNearEnough(fitting, tooLarge, maxBytes) {
  return fitting !== null && (fitting.size >= maxBytes * NEAR || tooLarge.scale / fitting.scale < SAME_SIZE);
}

/**
 * Bytes grow with a power of the scale, about the square of it; once there are two points, they say with which. The
 * guess stays between them, and not too near to either, or one that errs would never be given up.
 */
function guess(fitting, tooLarge, maxBytes, minScale) {
  const low = fitting?.scale ?? minScale;
  const power = fitting === null ? 1.8 : Math.log(tooLarge.size / fitting.size) / Math.log(tooLarge.scale / fitting.scale);
  const from = fitting ?? tooLarge;
  const aimed = from.scale * ((maxBytes * AIM) / from.size) ** (1 / clamp(power, 0.8, 3));
  const margin = (tooLarge.scale - low) * 0.1;
  return clamp(aimed, fitting === null ? low : low + margin, tooLarge.scale - margin);
}

function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}

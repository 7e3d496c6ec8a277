/*
 * Decodes a ThumbHash (evanw.github.io/thumbhash): a picture in a few bytes,
 * blurred beyond recognition, that stands where an image will be.
 * Pure. Imports nothing.
 */

/** Its longer side, in pixels. The shape is known only roughly: whoever shows it stretches it to that of the image. */
const LONGER_SIDE = 32;

/** Of the channel that has most of them. */
const FREQUENCIES = 7;

/** Makes up for what the rounding of the factors took from the colours. */
const SATURATION = 1.25;

/**
 * @param {string} text base64, as the API gives it
 * @returns {{width: number, height: number, pixels: Uint8ClampedArray} | null} rows of red, green, blue and alpha, not
 *   premultiplied; null where the text is no ThumbHash
 */
export function decodeThumbHash(text) {
  try {
    return draw(read(bytesOf(text)));
  } catch {
    return null;
  }
}

function bytesOf(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

/** Takes the numbers out of the bytes: of each channel its average and how it varies. */
function read(bytes) {
  const header = bytes[0] | (bytes[1] << 8) | (bytes[2] << 16);
  const shape = bytes[3] | (bytes[4] << 8);
  const hasAlpha = header >> 23 === 1;
  const isLandscape = shape >> 15 === 1;
  const longer = hasAlpha ? 5 : 7;
  const shorter = shape & 7;
  if (shorter === 0) {
    throw new RangeError('no shape');
  }
  const [columns, rows] = isLandscape ? [longer, shorter] : [shorter, longer];
  // Each channel takes its factors from where the one before it ended.
  const next = factorsOf(bytes, hasAlpha ? 6 : 5);
  return {
    ratio: columns / rows,
    luminance: channel((header & 63) / 63, next(Math.max(3, columns), Math.max(3, rows), ((header >> 18) & 31) / 31)),
    yellowToBlue: channel(((header >> 6) & 63) / 31.5 - 1, next(3, 3, (SATURATION * ((shape >> 3) & 63)) / 63)),
    redToGreen: channel(((header >> 12) & 63) / 31.5 - 1, next(3, 3, (SATURATION * ((shape >> 9) & 63)) / 63)),
    alpha: hasAlpha ? channel((bytes[5] & 15) / 15, next(5, 5, (bytes[5] >> 4) / 15)) : channel(1, []),
  };
}

function channel(average, factors) {
  return { average, factors };
}

/** A reader of factors, which are half a byte each. */
function factorsOf(bytes, begin) {
  let index = 0;
  return (columns, rows, scale) => {
    const factors = [];
    for (let row = 0; row < rows; row += 1) {
      for (let column = row === 0 ? 1 : 0; column * rows < columns * (rows - row); column += 1) {
        const byte = bytes[begin + (index >> 1)];
        if (byte === undefined) {
          throw new RangeError('too short');
        }
        const half = index % 2 === 0 ? byte & 15 : byte >> 4;
        factors.push({ column, row, factor: (half / 7.5 - 1) * scale });
        index += 1;
      }
    }
    return factors;
  };
}

/** Adds the waves up (an inverse discrete cosine transform). */
function draw({ ratio, luminance, yellowToBlue, redToGreen, alpha }) {
  const width = Math.round(ratio > 1 ? LONGER_SIDE : LONGER_SIDE * ratio);
  const height = Math.round(ratio > 1 ? LONGER_SIDE / ratio : LONGER_SIDE);
  const across = wavesOver(width);
  const down = wavesOver(height);
  const pixels = new Uint8ClampedArray(width * height * 4);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const at = ({ average, factors }) =>
        factors.reduce((sum, { column, row, factor }) => sum + factor * across[column][x] * 2 * down[row][y], average);
      const light = at(luminance);
      const difference = at(redToGreen);
      const blue = light - (2 / 3) * at(yellowToBlue);
      const red = (3 * light - blue + difference) / 2;
      // The array rounds, and cuts off what is out of bounds.
      pixels.set([red, red - difference, blue, at(alpha)].map((value) => 255 * value), (y * width + x) * 4);
    }
  }
  return { width, height, pixels };
}

/** For each frequency the wave over so many pixels. */
function wavesOver(length) {
  return Array.from({ length: FREQUENCIES }, (_, frequency) =>
    Array.from({ length }, (__, position) => Math.cos((Math.PI / length) * (position + 0.5) * frequency)),
  );
}

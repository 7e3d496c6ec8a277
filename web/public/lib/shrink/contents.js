/*
 * What a file really is, by its bytes and not by its name: the kind, how large
 * the picture is, and whether it moves. Reads the container only; whether the
 * pixels can be decoded, the browser finds out.
 * Pure. Imports nothing.
 */

/**
 * @typedef {object} Contents
 * @property {import('../kinds.js').Kind | 'jpeg' | 'png' | 'gif' | 'webp' | null} kind null: none that is known here
 * @property {boolean} animated
 * @property {number | null} width as stored, before an orientation is applied; null: not known
 * @property {number | null} height
 */

const SIGNATURES = [
  ['jpeg', 0, '\xff\xd8\xff'],
  ['png', 0, '\x89PNG\r\n\x1a\n'],
  ['gif', 0, 'GIF8'],
  ['webp', 8, 'WEBP'],
  ['tiff', 0, 'II*\0'],
  ['tiff', 0, 'MM\0*'],
  ['pdf', 0, '%PDF-'],
  ['psd', 0, '8BPS'],
  ['jxl', 0, '\xff\x0a'],
  ['jxl', 4, 'JXL \r\n'],
  ['bmp', 0, 'BM'],
];

/** Of ISO base media files: the first brand that is known says what it is. `mif1` is any still picture. */
const BRANDS = [
  [/^avi[fs]/, 'avif'],
  [/^(hei[cxms]|hev[cxms])/, 'heic'],
  [/^crx /, 'raw'],
  [/^(isom|iso\d|mp4|qt {2}|M4V|3gp)/, 'video'],
  [/^(mif1|msf1)/, 'heic'],
];

function kindOf(bytes) {
  const found = SIGNATURES.find(([, at, signature]) => latin(bytes, at, signature.length) === signature);
  if (found) {
    return found[0];
  }
  if (latin(bytes, 4, 4) === 'ftyp') {
    return brandOf(bytes);
  }
  return /^\s*<(\?xml|!--|!doctype svg|svg)[^]*?<?svg/i.test(latin(bytes, 0, 2000).replace(/^\xef\xbb\xbf/, '')) ? 'svg' : null;
}

function brandOf(bytes) {
  const end = Math.min(viewOf(bytes).getUint32(0), bytes.length);
  // The major brand, its version, then the others.
  const others = Array.from({ length: Math.max(0, Math.floor((end - 16) / 4)) }, (_, index) => 16 + index * 4);
  const brands = [8, ...others].map((at) => latin(bytes, at, 4));
  for (const [pattern, kind] of BRANDS) {
    if (brands.some((brand) => pattern.test(brand))) {
      return kind;
    }
  }
  return null;
}

/** Each finds {width, height, animated} as far as the bytes go. */
const READERS = {
  png(bytes) {
    const view = viewOf(bytes);
    const size = bytes.length < 24 ? {} : { width: view.getUint32(16), height: view.getUint32(20) };
    for (let at = 8; at + 12 <= bytes.length; at += 12 + view.getUint32(at)) {
      const type = latin(bytes, at + 4, 4);
      if (type === 'acTL' || type === 'IDAT') {
        // One that is said to have a single frame is still.
        return { ...size, animated: type === 'acTL' && view.getUint32(at + 8) > 1 };
      }
    }
    return size;
  },

  jpeg(bytes) {
    const view = viewOf(bytes);
    for (let at = 2; at + 9 <= bytes.length;) {
      const marker = bytes[at + 1];
      if (bytes[at] !== 0xff) {
        return {};
      }
      // The start of a frame, of any kind; among their numbers are three tables.
      if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
        return { width: view.getUint16(at + 7), height: view.getUint16(at + 5) };
      }
      // Any number of 0xff may stand before a marker.
      at += marker === 0xff ? 1 : 2 + view.getUint16(at + 2);
    }
    return {};
  },

  webp(bytes) {
    const view = viewOf(bytes);
    const chunk = latin(bytes, 12, 4);
    if (bytes.length < 30) {
      return {};
    }
    if (chunk === 'VP8X') {
      const side = (at) => 1 + (view.getUint32(at, true) & 0xffffff);
      return { animated: (bytes[20] & 0x02) !== 0, width: side(24), height: 1 + (view.getUint32(26, true) >>> 8) };
    }
    if (chunk === 'VP8L') {
      const bits = view.getUint32(21, true);
      return { width: 1 + (bits & 0x3fff), height: 1 + ((bits >>> 14) & 0x3fff) };
    }
    return { width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff };
  },

  gif(bytes) {
    const view = viewOf(bytes);
    if (bytes.length < 13) {
      return {};
    }
    return { width: view.getUint16(6, true), height: view.getUint16(8, true), animated: hasSecondFrame(bytes) };
  },
};

/**
 * @param {Uint8Array} bytes the whole file; where that is too much, its beginning
 * @returns {Contents}
 */
export function look(bytes) {
  const kind = kindOf(bytes);
  const { width = null, height = null, animated = false } = READERS[kind]?.(bytes) ?? {};
  return { kind, animated, width, height };
}

function hasSecondFrame(bytes) {
  let frames = 0;
  let at = 13 + colourTable(bytes[10]);
  while (at < bytes.length) {
    if (bytes[at] === 0x21) {
      at = skipBlocks(bytes, at + 2);
    } else if (bytes[at] === 0x2c) {
      frames += 1;
      at = skipBlocks(bytes, at + 11 + colourTable(bytes[at + 9]));
    } else {
      break;
    }
    if (frames > 1) {
      return true;
    }
  }
  return false;
}

function colourTable(flags) {
  return flags & 0x80 ? 3 * 2 ** ((flags & 0x07) + 1) : 0;
}

function skipBlocks(bytes, from) {
  let at = from;
  while (at < bytes.length && bytes[at] !== 0) {
    at += 1 + bytes[at];
  }
  return at + 1;
}

function viewOf(bytes) {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function latin(bytes, at, length) {
  return String.fromCharCode(...bytes.subarray(at, at + length));
}

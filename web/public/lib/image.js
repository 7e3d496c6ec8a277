/*
 * Questions that several components ask about an image of the API.
 * Pure. Imports nothing.
 */

/**
 * @typedef {object} Image
 * @property {string} id
 * @property {string} uploader
 * @property {string | null} alt
 * @property {string | null} file_name
 * @property {string} content_type
 * @property {number} size_bytes
 * @property {number} width pixels, as the picture is shown: an orientation from EXIF is applied, as browsers apply it
 * @property {number} height likewise
 * @property {string} sha256 of what is published
 * @property {string} received_sha256 of what was uploaded
 * @property {string} created_at RFC 3339
 * @property {string} url public address in S3
 * @property {string} link canonical address on this host
 * @property {Record<string, string>} [variants] addresses of smaller versions, by name
 * @property {string | null} [thumbhash] placeholder (./thumb-hash.js), once a variant was made
 * @property {{local: string, s3: string, record: string}} storage
 */

/** Nothing is owed any more: it is in S3 and in the database. */
export function isSettled({ storage }) {
  return storage.s3 === 'stored' && storage.record === 'stored';
}

/**
 * Where to load the picture from. The link's path on the page's own origin: the same host under
 * another name (localhost, 127.0.0.1) would be blocked by the content security policy.
 */
export function sourceOf({ link }, base = globalThis.location.href) {
  return onThisOrigin(link, base);
}

/**
 * The variants as a browser chooses from them (`srcset`), the smallest first. Empty when there are none.
 * @param {Image} image
 * @param {Record<string, number> | null} sizes the longer side of each variant, from the limits; null while unknown
 * @param {boolean} [whole] the original is one of them
 */
export function sourceSetOf({ variants, width, height, link }, sizes, base = globalThis.location.href, whole = false) {
  const widths = new Map();
  const named = Object.entries(variants ?? {}).filter(([name]) => sizes?.[name] > 0);
  for (const [name, address] of named.sort(([one], [other]) => sizes[one] - sizes[other])) {
    const candidate = variantWidth({ width, height }, sizes[name]);
    // What is not larger than a smaller one is the same picture again.
    if (!widths.has(candidate)) {
      widths.set(candidate, onThisOrigin(address, base));
    }
  }
  if (whole && widths.size > 0) {
    widths.set(width, onThisOrigin(link, base));
  }
  return [...widths].map(([candidate, address]) => `${address} ${candidate}w`).join(', ');
}

/** How wide the variant with this longer side is. Variants are never larger than the image. */
function variantWidth({ width, height }, longerSide) {
  const longer = Math.max(width, height);
  return longer <= longerSide ? width : Math.max(1, Math.round((width * longerSide) / longer));
}

function onThisOrigin(address, base) {
  const { pathname, search } = new URL(address, base);
  return pathname + search;
}

/** What a screen reader says for the picture. Never empty: the picture is also a link. */
export function altOf({ alt, uploader }) {
  return alt ?? `Image uploaded by ${uploader}, without a description`;
}

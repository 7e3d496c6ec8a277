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
  const { pathname, search } = new URL(link, base);
  return pathname + search;
}

/** What a screen reader says for the picture. Never empty: the picture is also a link. */
export function altOf({ alt, uploader }) {
  return alt ?? `Image uploaded by ${uploader}, without a description`;
}

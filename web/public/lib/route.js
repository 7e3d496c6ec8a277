/*
 * The part of the address after "#":
 *   #/mine                 the images uploaded from this browser
 *   #/by/{uploader}        the images of one uploader
 *   #/image/{id}           one image, large
 *   #/delete/{id}/{token}  the delete link that an upload's answer gives
 * Anything else is the page itself, with everyone's images.
 * Pure. Imports nothing.
 */

/** What the gallery shows. @typedef {{name: 'home'} | {name: 'mine'} | {name: 'by', uploader: string}} View */

/** In each, what stands in parentheses is a value. */
const ROUTES = [
  ['mine', /^#\/mine\/?$/, []],
  ['by', /^#\/by\/([^/]+)\/?$/, ['uploader']],
  ['image', /^#\/image\/([^/]+)\/?$/, ['id']],
  ['delete', /^#\/delete\/([^/]+)\/([^/]+)\/?$/, ['id', 'token']],
];

/**
 * @param {string} hash location.hash
 * @returns {View | {name: 'image', id: string} | {name: 'delete', id: string, token: string}}
 */
export function parseRoute(hash) {
  for (const [name, pattern, values] of ROUTES) {
    const match = pattern.exec(hash);
    if (match !== null) {
      return decoded(name, values, match.slice(1)) ?? { name: 'home' };
    }
  }
  return { name: 'home' };
}

/** The way back: empty for the page itself. @param {ReturnType<typeof parseRoute>} route */
export function hashOf({ name, ...values }) {
  return name === 'home' ? '' : ['#', name, ...Object.values(values).map(encodeURIComponent)].join('/');
}

function decoded(name, names, values) {
  try {
    return { name, ...Object.fromEntries(names.map((each, index) => [each, decodeURIComponent(values[index])])) };
  } catch {
    return null;
  }
}

/*
 * The part of the address after "#". There is one route besides the page itself:
 * #/delete/{id}/{token}, the delete link that an upload's answer gives.
 * Pure. Imports nothing.
 */

/**
 * @param {string} hash location.hash
 * @returns {{name: 'home'} | {name: 'delete', id: string, token: string}}
 */
export function parseRoute(hash) {
  const match = /^#\/delete\/([^/]+)\/([^/]+)\/?$/.exec(hash);
  if (match === null) {
    return { name: 'home' };
  }
  try {
    return { name: 'delete', id: decodeURIComponent(match[1]), token: decodeURIComponent(match[2]) };
  } catch {
    return { name: 'home' };
  }
}

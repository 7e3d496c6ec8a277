/*
 * What is served, as text.
 */

import { readFile, readdir } from 'node:fs/promises';

const PUBLIC = new URL('../../public/', import.meta.url);

/** @param {string} path below public/ */
export function source(path) {
  return readFile(new URL(path, PUBLIC), 'utf8');
}

/** @param {RegExp} pattern of the names @returns {Promise<string[]>} paths below public/ */
export async function pathsOf(pattern) {
  return (await readdir(PUBLIC, { recursive: true })).filter((path) => pattern.test(path)).sort();
}

/*
 * The texts of the page, as it has them once its catalogue has come.
 */

import { readFile } from 'node:fs/promises';

import { useLanguage } from '../../public/lib/language.js';

const LOCALES = new URL('../../public/locales/', import.meta.url);

/** @param {string} language @returns {Promise<object>} */
export async function catalogueOf(language) {
  return JSON.parse(await readFile(new URL(`${language}.json`, LOCALES), 'utf8'));
}

/** @param {string} language @param {readonly string[]} [preferred] as for useLanguage() */
export async function speak(language, preferred = []) {
  useLanguage(language, await catalogueOf(language), preferred);
}

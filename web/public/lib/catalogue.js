/*
 * Fetches the texts of a language. A connection may break, and a login page of a network may answer in their place.
 * May import ./language.js.
 */

import { LANGUAGES } from './language.js';

const [FIRST] = Object.keys(LANGUAGES);
const PATIENCE_MS = 10_000;

/**
 * The wanted catalogue, after a second try if need be; else that of the language which the page is written in.
 * @param {string} wanted one of LANGUAGES
 * @param {typeof fetch} [get]
 * @returns {Promise<{language: string, texts: object} | null>} null: there is none to be had
 */
export async function fetchCatalogue(wanted, get = fetch) {
  for (const language of [wanted, wanted, FIRST]) {
    const texts = await fetchTexts(language, get);
    if (texts !== null) {
      return { language, texts };
    }
  }
  return null;
}

async function fetchTexts(language, get) {
  try {
    const response = await get(`locales/${language}.json`, { signal: AbortSignal.timeout(PATIENCE_MS) });
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}

/*
 * The page's language: its texts from a catalogue (locales/*.json), and how it
 * writes numbers and chooses plural forms. Which one, early.js chooses. Texts are plain text and
 * go into the page as such; the values that are put into them, too.
 * Imports nothing.
 */

/** What can be chosen, each by its own name. The first is what the page is written in. */
export const LANGUAGES = { en: 'English', de: 'Deutsch' };

const FIRST = 'en';
const HOLE = /\{(\w+)\}/g;

let current = stateOf(FIRST, {});

/**
 * Uses a catalogue from now on.
 * @param {string} language one of LANGUAGES
 * @param {object} texts its catalogue
 * @param {readonly string[]} [preferred] a person who writes English as in the USA gets its dates, too;
 *   else the catalogue says which region's
 */
export function useLanguage(language, texts, preferred = []) {
  current = stateOf(preferred.find((tag) => languageOf(tag) === language) ?? texts.locale ?? language, texts);
}

/** For `Intl`: the language, with the person's region where that is known. */
export function currentLocale() {
  return current.locale;
}

/**
 * A text of the catalogue, its `{holes}` filled. Numbers are written as the language writes them; one of several
 * plural forms is chosen by `count`. A key that is not there is its own text: seen at once, and the tests find it.
 * @param {string} key such as "upload.submit"
 * @param {Record<string, string | number>} [values]
 */
export function text(key, values = {}) {
  const found = key.split('.').reduce((texts, name) => texts?.[name], current.texts);
  const form = typeof found === 'object' ? (found[current.plurals.select(values.count)] ?? found.other) : found;
  return form === undefined ? key : form.replace(HOLE, (hole, name) => written(values[name] ?? hole));
}

/**
 * Puts the catalogue's texts into elements of `data-text="key"`, and into the attributes that `data-text-label` (for
 * `aria-label`) and `data-text-placeholder` name a key for. The page itself holds the English ones.
 * @param {ParentNode} root
 */
export function translate(root) {
  for (const element of root.querySelectorAll('[data-text]')) {
    element.textContent = text(element.dataset.text);
  }
  for (const element of root.querySelectorAll('[data-text-label]')) {
    element.ariaLabel = text(element.dataset.textLabel);
  }
  for (const element of root.querySelectorAll('[data-text-placeholder]')) {
    element.placeholder = text(element.dataset.textPlaceholder);
  }
}

function stateOf(locale, texts) {
  return {
    locale,
    texts,
    plurals: new Intl.PluralRules(locale),
    numbers: new Intl.NumberFormat(locale, { useGrouping: 'min2' }),
  };
}

function languageOf(tag) {
  return tag.toLowerCase().split('-')[0];
}

function written(value) {
  return typeof value === 'number' ? current.numbers.format(value) : value;
}

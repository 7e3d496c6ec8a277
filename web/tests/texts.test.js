import assert from 'node:assert/strict';
import test from 'node:test';

import { LANGUAGES } from '../public/lib/language.js';
import { pathsOf, source } from './support/sources.js';
import { catalogueOf } from './support/texts.js';

/** Of the catalogue, for the page itself. */
const SETTINGS = ['locale', 'dir'];

const html = await source('index.html');
const catalogues = Object.fromEntries(
  await Promise.all(Object.keys(LANGUAGES).map(async (language) => [language, flat(await catalogueOf(language))])),
);
const { en: english, ...others } = catalogues;
const code = (await Promise.all((await pathsOf(/\.js$/)).map(source))).map(withoutComments).join('\n');

/** "section.key" → its text, or its plural forms. */
function flat(texts, prefix = '') {
  return Object.fromEntries(
    Object.entries(texts).flatMap(([name, value]) =>
      typeof value === 'string' || 'other' in value ? [[prefix + name, value]] : Object.entries(flat(value, `${prefix}${name}.`)),
    ),
  );
}

function withoutComments(text) {
  return text.replace(/\/\*[^]*?\*\/|^\s*\/\/.*$/gm, '');
}

const formsOf = (value) => (typeof value === 'string' ? { other: value } : value);
const holesOf = (form) => [...new Set(form.match(/\{\w+\}/g))].sort();

/** What a browser makes of the words between two tags. */
function plain(markup) {
  return markup.replaceAll('&lt;', '<').replaceAll('&nbsp;', '\u00a0').replaceAll('&amp;', '&').replace(/[ \n]+/g, ' ').trim();
}

/** Every key that the page names, with the English that stands there. */
function keysOfPage() {
  return [...html.matchAll(/(<\w[^>]*>)([^<]*)(?=(<\/?))/g)].flatMap(([, tag, words, next]) =>
    [...tag.matchAll(/\sdata-text(?:-(\w+))?="([^"]+)"/g)].map(([, attribute, key]) => {
      if (attribute === undefined) {
        return { key, there: plain(words), whole: next === '</' };
      }
      const name = attribute === 'label' ? 'aria-label' : attribute;
      return { key, there: plain(new RegExp(`\\s${name}="([^"]*)"`).exec(tag)?.[1] ?? ''), whole: true };
    }),
  );
}

/** Every key that the code names: written out, or of a pattern such as `upload.state.${state}`. */
function keysOfCode() {
  const sections = new Set(Object.keys(english).map((key) => key.split('.')[0]).filter((name) => !SETTINGS.includes(name)));
  const written = [...code.matchAll(/'(\w+)\.([\w.-]+)'/g)].filter(([, section]) => sections.has(section));
  const made = [...code.matchAll(/\btext\(\s*`([^`]+)`/g)].map(([, template]) => template);
  return {
    written: written.map(([, section, rest]) => `${section}.${rest}`),
    patterns: made.map((template) => ({
      template,
      // A value is one name, or the rest of one; nested templates do not occur.
      pattern: new RegExp(`^${template.replace(/[.*+?^()|[\]\\]/g, '\\$&').replace(/\$\{[^}]*\}(?:[^.`]*\})?/g, '[\\w-]*')}$`),
    })),
  };
}

const page = keysOfPage();
const { written, patterns } = keysOfCode();

test('what the page says without its catalogue is the English of the catalogue', () => {
  assert.ok(page.length > 0);
  for (const { key, there, whole } of page) {
    assert.equal(there, english[key], key);
    assert.ok(whole, `the element of ${key} holds nothing but its text, which is replaced`);
  }
});

test('every key that the code names is in the catalogue', () => {
  assert.deepEqual(written.filter((key) => !Object.hasOwn(english, key)), []);
  for (const { template, pattern } of patterns) {
    assert.ok(Object.keys(english).some((key) => pattern.test(key)), template);
  }
});

test('no call of text() makes its key in a way that these tests cannot follow', () => {
  // A key, a choice between keys, a variable whose keys are written out elsewhere, or a pattern of one section.
  const keys = [...code.matchAll(/(?<!function |[\w.#])text\(\s*((?:'[^']*'|`[^`]*`|[^,()'`])*)/g)].map(([, key]) => key.trim());
  assert.ok(keys.length > 0);
  assert.deepEqual(keys.filter((key) => /['`] \+|\+ ['`]|^`(?![a-z]+\.)/.test(key)), []);
});

test('every key of the catalogue is used', () => {
  const used = new Set([...written, ...page.map(({ key }) => key), ...SETTINGS]);
  const unused = Object.keys(english).filter((key) => !used.has(key) && !patterns.some(({ pattern }) => pattern.test(key)));
  assert.deepEqual(unused, []);
});

test('the person can choose each language for which there is a catalogue, by its own name', async () => {
  const files = (await pathsOf(/^locales\/.*\.json$/)).map((path) => /\/(.*)\./.exec(path)[1]);
  assert.deepEqual(files, Object.keys(LANGUAGES).sort());
  const options = [...html.matchAll(/<option value="(\w+)" lang="(\w+)">([^<]+)</g)].map(([, value, lang, name]) => [value, lang, name]);
  assert.deepEqual(options, Object.entries(LANGUAGES).map(([tag, name]) => [tag, tag, name]));
  const [, early] = /src="early\.js" data-languages="([^"]+)"/.exec(html);
  assert.deepEqual(early.split(' '), Object.keys(LANGUAGES));
});

for (const [language, texts] of Object.entries(catalogues)) {
  test(`${language}: it has the plural forms that its language has, and the page's own settings`, () => {
    const { pluralCategories } = new Intl.PluralRules(texts.locale).resolvedOptions();
    for (const [key, value] of Object.entries(texts).filter((entry) => typeof entry[1] !== 'string')) {
      assert.deepEqual(Object.keys(value).sort(), [...pluralCategories].sort(), key);
    }
    assert.equal(Intl.getCanonicalLocales(texts.locale)[0].split('-')[0], language);
    assert.ok(['ltr', 'rtl'].includes(texts.dir));
  });

  test(`${language}: no text is empty, has straight quotes, or a space at its end`, () => {
    for (const [key, value] of Object.entries(texts)) {
      for (const form of Object.values(formsOf(value))) {
        assert.match(form, /^\S(?:[^]*\S)?$/, key);
        assert.doesNotMatch(form, /["']| {2}|\.{3}/, key);
      }
    }
  });
}

for (const [language, texts] of Object.entries(others)) {
  test(`${language}: it has the keys of the English catalogue, in its order`, () => {
    assert.deepEqual(Object.keys(texts), Object.keys(english));
  });

  test(`${language}: each text has the holes of the English one`, () => {
    for (const [key, value] of Object.entries(english)) {
      const [mine, theirs] = [texts[key], value].map(formsOf);
      assert.deepEqual(holesOf(mine.other), holesOf(theirs.other), key);
      // A form for one may do without the number ("in a second"), and name what it is instead.
      const [allOfMine, allOfTheirs] = [mine, theirs].map((forms) => holesOf(Object.values(forms).join()));
      assert.deepEqual(allOfMine, allOfTheirs, key);
    }
  });
}

/** Names, and what is only read where there is no catalogue. */
const UNTRANSLATED = ['Image Handler', ...Object.values(LANGUAGES)];

test('the page has no words that are not in the catalogue', () => {
  const visible = html.replace(/<noscript>[^]*?<\/noscript>|<p [^>]*id="notice"[^>]*>[^<]*|<!--[^]*?-->/g, '');
  const stray = [...visible.matchAll(/(<\w[^>]*>|<\/\w+>)([^<]*\p{L}[^<]*)/gu)]
    .filter(([, tag, words]) => !tag.includes('data-text=') && !UNTRANSLATED.includes(plain(words)))
    .map(([, , words]) => plain(words));
  const labels = [...visible.matchAll(/<\w[^>]*\s(aria-label|placeholder|title)="[^"]+"[^>]*>/g)]
    .filter(([tag, attribute]) => !tag.includes(`data-text-${attribute.replace('aria-', '')}="`))
    .map(([tag]) => tag);
  assert.deepEqual([...stray, ...labels], []);
});

test('the code has no words that are not in the catalogue', () => {
  const stray = code.match(/(?:textContent|ariaLabel|title|placeholder)\s*=[^\n]*['`][^'`\n]*\p{L}{2,} [^'`\n]*['`]|announce\((?:'|`(?!\$))[^\n]*/gu);
  assert.deepEqual(stray ?? [], []);
});

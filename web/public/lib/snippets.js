/*
 * An image as text to paste elsewhere: its address, or the markup that shows it
 * there. What the person described it with appears verbatim, whatever it holds.
 * A delete link is never among them: these are for others.
 * Pure. Imports nothing.
 */

/** @typedef {'link' | 'markdown' | 'html' | 'bbcode' | 'bbcode-alt' | 'url'} Format */

const WRITERS = {
  link: ({ link }) => link,
  markdown: (image) => `![${escapeMarkdown(altOf(image))}](${addressOf(image)})`,
  html: (image) =>
    `<img src="${escapeHtml(addressOf(image))}" alt="${escapeHtml(altOf(image))}" width="${image.width}" height="${image.height}">`,
  // Every board knows this one; many (phpBB, MyBB) show a tag with attributes as text, so that has an entry of its own.
  bbcode: (image) => `[img]${addressOf(image)}[/img]`,
  'bbcode-alt': (image) => {
    const alt = plainForBoards(altOf(image));
    return `[img${alt === '' ? '' : ` alt="${alt}"`}]${addressOf(image)}[/img]`;
  },
  url: ({ url }) => url,
};

/** In the order in which they are offered. @type {Format[]} */
export const FORMATS = Object.keys(WRITERS);

/** One of FORMATS, whatever was remembered. @returns {Format} */
export function knownFormat(format) {
  return Object.hasOwn(WRITERS, format) ? format : FORMATS[0];
}

/**
 * @param {import('./image.js').Image} image
 * @param {Format} format
 */
export function snippetOf(image, format) {
  return WRITERS[knownFormat(format)](image);
}

/** On one line: a line break ends a paragraph, and with it the markup. */
function altOf({ alt }) {
  return (alt ?? '').replace(/\s+/g, ' ').trim();
}

/** The canonical one, with nothing in it that ends a tag or a pair of brackets. */
function addressOf({ link }) {
  const { origin, pathname, search } = new URL(link);
  const percent = (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`;
  return origin + `${pathname}${search}`.replace(/[()[\]'\\]/g, percent);
}

/** Code spans, tags and autolinks reach further than brackets do (CommonMark, 6), a bar ends a cell of a table. */
function escapeMarkdown(text) {
  return text.replace(/[\\`*_~[\]<&|]/g, '\\$&');
}

function escapeHtml(text) {
  const entities = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return text.replace(/[&<>"]/g, (sign) => entities[sign]);
}

/** BBCode can escape nothing: what would end the tag is replaced by what looks like it. */
function plainForBoards(text) {
  const alike = { '[': '(', ']': ')', '"': '”' };
  return text.replace(/[[\]"]/g, (sign) => alike[sign]);
}

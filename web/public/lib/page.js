/*
 * Small things that every component needs of the document. Text goes in as
 * text, never as markup.
 * May import ./language.js.
 */

import { translate } from './language.js';

/** What is announced within this time is one message. */
const TOGETHER_MS = 200;
const NO_BREAK = '\u00a0';
const unsaid = new Set();

/** A copy of the one element in `<template id="…">`, in the page's language. */
export function fromTemplate(id) {
  const copy = document.getElementById(id).content.cloneNode(true);
  translate(copy);
  return copy.firstElementChild;
}

/** The descendant with `data-part="name"`. Throws if the page does not have it: better now than later. */
export function part(root, name) {
  const element = root.querySelector(`[data-part="${name}"]`);
  if (element === null) {
    throw new Error(`<${root.localName}> has no part "${name}"`);
  }
  return element;
}

/** Tells people who do not see the page. Polite: it waits for a pause, and says at once what came together. */
export function announce(text) {
  if (unsaid.size === 0) {
    setTimeout(sayAll, TOGETHER_MS);
  }
  unsaid.add(text);
}

/** Lets an event rise to main.js, which alone knows who should hear of it. */
export function tell(element, type, detail = null) {
  element.dispatchEvent(new CustomEvent(type, { bubbles: true, detail }));
}

function sayAll() {
  // Behind an open dialog nothing is read out; those in which something happens have a region of their own.
  const region = document.querySelector('dialog:modal [role=status]') ?? document.getElementById('announcements');
  const message = [...unsaid].join(' ');
  unsaid.clear();
  // The same text again would be no change, and so not be read out.
  region.textContent = region.textContent === message ? `${message}${NO_BREAK}` : message;
}

/*
 * Small things that every component needs of the document. Text goes in as
 * text, never as markup.
 * Imports nothing.
 */

/** A copy of the one element in `<template id="…">`. */
export function fromTemplate(id) {
  return document.getElementById(id).content.firstElementChild.cloneNode(true);
}

/** The descendant with `data-part="name"`. Throws if the page does not have it: better now than later. */
export function part(root, name) {
  const element = root.querySelector(`[data-part="${name}"]`);
  if (element === null) {
    throw new Error(`<${root.localName}> has no part "${name}"`);
  }
  return element;
}

/** Tells people who do not see the page. Polite: it waits for a pause. */
export function announce(text) {
  document.getElementById('announcements').textContent = text;
}

/** Lets an event rise to main.js, which alone knows who should hear of it. */
export function tell(element, type, detail = null) {
  element.dispatchEvent(new CustomEvent(type, { bubbles: true, detail }));
}

/*
 * Drops and pastes anywhere on the page. A file that misses the field must not
 * replace the page, or the form is lost.
 * May import ./chosen-files.js.
 */

import { filesOfDrop } from './chosen-files.js';

const TEXT_FIELD = 'textarea, [contenteditable], input:not([type=file], [type=checkbox], [type=radio], [type=button], [type=submit])';

/**
 * @param {object} parts
 * @param {(dragging: boolean) => void} parts.onDragging files are over the page, or no longer
 * @param {(drop: {files: File[], leftOut: number}) => void} parts.onDrop none where it was a text or a link
 */
export function hearDrops({ onDragging, onDrop }) {
  // dragenter and dragleave fire for every element on the way; only their balance tells in from out.
  let depth = 0;
  // A picture or a link of this page: browsers say "Files" of the picture, too.
  let own = false;
  const moveTo = (next) => {
    if (next > 0 !== depth > 0) {
      onDragging(next > 0);
    }
    depth = Math.max(next, 0);
  };
  const hear = (type, action) =>
    window.addEventListener(type, (event) => {
      if (event.target.closest?.(TEXT_FIELD) && !hasFiles(event)) {
        return;
      }
      event.preventDefault();
      if (!own) {
        action(event);
      }
    });

  window.addEventListener('dragstart', () => { own = true; });
  window.addEventListener('dragend', () => { own = false; });
  hear('dragenter', (event) => moveTo(hasFiles(event) ? depth + 1 : depth));
  hear('dragleave', (event) => moveTo(hasFiles(event) && !leavesWindow(event) ? depth - 1 : 0));
  hear('dragover', ({ dataTransfer }) => { dataTransfer.dropEffect = isBehindDialog() ? 'none' : 'copy'; });
  hear('drop', async (event) => {
    moveTo(0);
    if (!isBehindDialog()) {
      onDrop(await filesOfDrop(event.dataTransfer));
    }
  });
  // The mouse moves nowhere while something is dragged: a drag that ended unheard (outside, by Escape) is over.
  window.addEventListener('mousemove', () => moveTo(0));
}

/** @param {(files: File[]) => void} onPaste never for what goes into a text field */
export function hearPastes(onPaste) {
  document.addEventListener('paste', (event) => {
    const files = [...event.clipboardData.files];
    if (files.length > 0 && !event.target.closest?.(TEXT_FIELD) && !isBehindDialog()) {
      event.preventDefault();
      onPaste(files);
    }
  });
}

function hasFiles({ dataTransfer }) {
  return dataTransfer.types.includes('Files');
}

function leavesWindow({ relatedTarget, clientX, clientY }) {
  return relatedTarget === null && (clientX <= 0 || clientY <= 0 || clientX >= innerWidth || clientY >= innerHeight);
}

/** Nobody sees then what becomes of a file. */
function isBehindDialog() {
  return document.querySelector('dialog:modal') !== null;
}

/*
 * Starts the page and connects its components: the only module that knows all
 * of them. Events rise from the components (see tell() in lib/page.js), calls
 * go down to them.
 * May import components and lib.
 */

import * as api from './lib/api.js';
import { connectGallery } from './browse.js';
import { fetchCatalogue } from './lib/catalogue.js';
import { asFailure } from './lib/failure.js';
import { isSettled } from './lib/image.js';
import { LANGUAGES, text, translate, useLanguage } from './lib/language.js';
import { Memory } from './lib/memory.js';
import { announce } from './lib/page.js';
import { parseRoute } from './lib/route.js';
import { loadStyles } from './lib/styles.js';
import { watchUntilStored } from './lib/watch.js';
import { registerFileField } from './components/file-field/file-field.js';
import { registerPageSettings } from './components/page-settings/page-settings.js';
import { registerUploadForm } from './components/upload-form/upload-form.js';
import { registerUploadKeyField } from './components/upload-key-field/upload-key-field.js';

const memory = new Memory();
const watches = new Map();

// Before anything that has a text. Without any it stays the page that it is without scripts: it uploads, plainly.
await loadTexts();

registerFileField();
registerUploadKeyField({ memory });
registerUploadForm({
  memory,
  async loadUploads(element, parts) {
    const { startUploads } = await import('./uploading.js');
    return startUploads(element, { memory, ...parts });
  },
});
registerPageSettings({ memory });

const form = document.querySelector('upload-form');
const { gallery, followRoute } = connectGallery({ memory, forget });
const deleteDialog = document.querySelector('delete-dialog');

document.addEventListener('limits-wanted', loadLimits);

document.addEventListener('image-uploaded', ({ detail: image }) => {
  memory.keepToken(image.id, image.delete_token);
  gallery.add(image);
  watch(image);
});

document.addEventListener('images-listed', ({ detail: images }) => images.forEach(watch));

document.addEventListener('image-deleted', ({ detail: { id } }) => {
  forget(id);
  gallery.focusTitle();
  announce(text('delete.done'));
});

// Asked or answered, the address of a delete link is spent; a reload must not ask again.
document.addEventListener('delete-dialog-closed', () => {
  if (parseRoute(location.hash).name === 'delete') {
    history.replaceState(null, '', location.pathname + location.search);
  }
});

// The warning before leaving still protects what is not uploaded yet.
document.addEventListener('language-chosen', () => location.reload());

window.addEventListener('hashchange', follow);
for (const type of ['online', 'offline']) {
  window.addEventListener(type, () => {
    form.online = type === 'online';
  });
}

follow();
start();

async function start() {
  const limits = await loadLimits();
  // Known first: asking for a list that strangers may not have would only be refused.
  if (limits?.public_listing === false) {
    gallery.showOwnOnly();
  }
  gallery.load();
}

/** In the language that early.js has chosen, if it can be had; the page says so if not. */
async function loadTexts() {
  const root = document.documentElement;
  const wanted = root.lang;
  const catalogue = await fetchCatalogue(wanted);
  if (catalogue === null) {
    root.lang = 'en';
    document.getElementById('notice').hidden = false;
    root.removeAttribute('data-awaits-texts');
    throw new Error('The texts of this page could not be loaded.');
  }
  const { language, texts } = catalogue;
  useLanguage(language, texts, navigator.languages);
  root.lang = language;
  root.dir = texts.dir;
  translate(document);
  if (language !== wanted) {
    showNotice(text('page.otherLanguage', { language: LANGUAGES[wanted] }));
  }
  root.removeAttribute('data-awaits-texts');
}

/** @returns {Promise<import('./lib/restrict.js').Limits | null>} */
async function loadLimits() {
  try {
    const limits = await api.getLimits();
    for (const part of [form, gallery]) {
      part.limits = limits;
    }
    return limits;
  } catch (error) {
    // The form works without: the server checks anyway, and the form asks again at the next file.
    asFailure(error);
    return null;
  }
}

function follow() {
  const route = parseRoute(location.hash);
  if (route.name === 'delete') {
    askToDelete(route);
  } else {
    followRoute(route);
  }
}

async function askToDelete(route) {
  try {
    const { registerDeleteDialog } = await import('./components/delete-dialog/delete-dialog.js');
    await loadStyles('components/delete-dialog/delete-dialog.css');
    registerDeleteDialog();
  } catch {
    showNotice(text('page.partMissing'));
    return;
  }
  deleteDialog.limits = gallery.limits;
  deleteDialog.ask(route);
}

function showNotice(words) {
  const notice = document.getElementById('notice');
  notice.textContent = words;
  notice.hidden = false;
}

function watch(image) {
  if (isSettled(image) || watches.has(image.id)) {
    return;
  }
  const stop = watchUntilStored(image, {
    find: api.findImage,
    onChange(current) {
      form.update(current);
      gallery.update(current);
    },
    onDeleted: () => forget(image.id),
  });
  watches.set(image.id, stop);
}

/** Everything that this page knows of an image that is no more. */
function forget(id) {
  watches.get(id)?.();
  watches.delete(id);
  memory.forgetToken(id);
  gallery.remove(id);
  form.remove(id);
}

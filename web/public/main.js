/*
 * Starts the page and connects its components: the only module that knows all
 * of them. Events rise from the components (see tell() in lib/page.js), calls
 * go down to them.
 * May import components and lib.
 */

import * as api from './lib/api.js';
import { asFailure } from './lib/failure.js';
import { isSettled } from './lib/image.js';
import { Memory } from './lib/memory.js';
import { announce } from './lib/page.js';
import { parseRoute } from './lib/route.js';
import { watchUntilStored } from './lib/watch.js';
import { registerCopyButton } from './components/copy-button/copy-button.js';
import { registerDeleteDialog } from './components/delete-dialog/delete-dialog.js';
import { registerFileField } from './components/file-field/file-field.js';
import { registerImageGallery } from './components/image-gallery/image-gallery.js';
import { registerUploadForm } from './components/upload-form/upload-form.js';
import { registerUploadKeyField } from './components/upload-key-field/upload-key-field.js';
import { registerUploadResult } from './components/upload-result/upload-result.js';

const memory = new Memory();
const watches = new Map();

registerCopyButton();
registerFileField();
registerUploadKeyField({ memory });
registerUploadForm({ memory });
registerUploadResult();
registerImageGallery({ memory });
registerDeleteDialog();

const form = document.querySelector('upload-form');
const result = document.querySelector('upload-result');
const gallery = document.querySelector('image-gallery');
const deleteDialog = document.querySelector('delete-dialog');

document.addEventListener('limits-wanted', loadLimits);

document.addEventListener('image-uploaded', ({ detail: image }) => {
  memory.keepToken(image.id, image.delete_token);
  result.show(image);
  gallery.add(image);
  watch(image);
});

document.addEventListener('images-listed', ({ detail: images }) => images.forEach(watch));

document.addEventListener('delete-wanted', ({ detail: image }) => {
  deleteDialog.ask({ id: image.id, token: memory.tokenOf(image.id), image });
});

document.addEventListener('image-deleted', ({ detail: { id } }) => {
  forget(id);
  gallery.focusTitle();
  announce('Image deleted.');
});

// Asked or answered, the address of a delete link is spent; a reload must not ask again.
document.addEventListener('delete-dialog-closed', () => {
  if (parseRoute(location.hash).name === 'delete') {
    history.replaceState(null, '', location.pathname + location.search);
  }
});

window.addEventListener('hashchange', followRoute);

start();
followRoute();

async function start() {
  const limits = await loadLimits();
  // Known first: asking for a list that strangers may not have would only be refused.
  if (limits?.public_listing === false) {
    gallery.showOwnOnly();
  }
  gallery.load();
}

/** @returns {Promise<import('./lib/restrict.js').Limits | null>} */
async function loadLimits() {
  try {
    const limits = await api.getLimits();
    for (const part of [form, result, gallery, deleteDialog]) {
      part.limits = limits;
    }
    return limits;
  } catch (error) {
    // The form works without: the server checks anyway, and the form asks again at the next file.
    asFailure(error);
    return null;
  }
}

function followRoute() {
  const route = parseRoute(location.hash);
  if (route.name === 'delete') {
    deleteDialog.ask(route);
  }
}

function watch(image) {
  if (isSettled(image) || watches.has(image.id)) {
    return;
  }
  const stop = watchUntilStored(image, {
    find: api.findImage,
    onChange(now) {
      result.update(now);
      gallery.update(now);
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
  result.remove(id);
}

/*
 * Connects the gallery, its large view and the bar that undoes deletes, and
 * keeps what is shown in the address, so that the browser's way back works. For
 * main.js, which knows the rest.
 * May import components and lib.
 */

import { deleteImage } from './lib/api.js';
import { asFailure } from './lib/failure.js';
import { text } from './lib/language.js';
import { announce } from './lib/page.js';
import { hashOf, parseRoute } from './lib/route.js';
import { loadStyles } from './lib/styles.js';
import { describeFailure } from './lib/wording.js';
import { registerGalleryViews } from './components/gallery-views/gallery-views.js';
import { registerImageCard } from './components/image-card/image-card.js';
import { registerImageGallery } from './components/image-gallery/image-gallery.js';

/** In the history entry of a large view that was opened from the page: the way back is the entry before. */
const OPENED_HERE = { openedHere: true };

/**
 * @param {object} parts
 * @param {import('./lib/memory.js').Memory} parts.memory
 * @param {(id: string) => void} parts.forget an image is no more
 */
export function connectGallery({ memory, forget }) {
  registerImageCard();
  registerGalleryViews();
  registerImageGallery({ memory });
  const gallery = document.querySelector('image-gallery');
  const undoBar = document.querySelector('undo-bar');
  const viewer = document.querySelector('image-viewer');

  document.addEventListener('view-wanted', ({ detail: view }) => go(view));

  document.addEventListener('image-opened', ({ detail: image }) => {
    history.pushState(OPENED_HERE, '', hashOf({ name: 'image', id: image.id }));
    showImage(image);
  });

  document.addEventListener('viewer-step-wanted', async ({ detail: { id, step } }) => {
    const image = await gallery.neighbour(id, step);
    if (viewer.imageId !== id) {
      return;
    }
    if (image === undefined) {
      viewer.error = gallery.error;
      showNeighbours();
      return;
    }
    history.replaceState(history.state, '', hashOf({ name: 'image', id: image.id }));
    showImage(image);
  });

  // The page that was waited for may hold what comes next.
  document.addEventListener('images-listed', showNeighbours);

  document.addEventListener('viewer-closed', ({ detail: id }) => {
    // The address may already lead to another one.
    const route = parseRoute(location.hash);
    if (route.name === 'image' && route.id === id) {
      leaveImage();
    }
    gallery.focusImage(id);
  });

  document.addEventListener('image-gone', ({ detail: id }) => {
    forget(id);
    showNeighbours();
  });

  // Until they are there, their place is kept (own-tools.css). They are asked for again whenever they are missing.
  document.addEventListener('own-tools-wanted', async () => {
    const { registerOwnTools } = await import('./components/own-tools/own-tools.js').catch(() => ({}));
    registerOwnTools?.({ memory });
  });

  document.addEventListener('delete-wanted', async ({ detail: images }) => {
    viewer.close?.();
    images.forEach(({ id }) => gallery.remove(id));
    // What had the focus is gone; "Undo" comes next.
    gallery.focusTitle();
    // Leaving the page sends what is waiting: here until the bar is loaded, which does so from then on.
    let waiting = images;
    const leave = () => {
      waiting.forEach(remove);
      // A browser may come back to this page as it was.
      waiting = [];
    };
    window.addEventListener('pagehide', leave);
    try {
      await loadUndoBar();
    } catch {
      // Not without a way back; the server is hardly in reach anyway.
      waiting.forEach((image) => gallery.restore(image, text('undo.failed', { reason: text('own.problem.offline') })));
      return;
    } finally {
      window.removeEventListener('pagehide', leave);
    }
    if (waiting.length > 0) {
      undoBar.offer(waiting);
    }
  });

  document.addEventListener('deletes-undone', ({ detail: images }) => {
    images.forEach((image) => gallery.restore(image));
    announce(text('undo.undone', { count: images.length }));
    gallery.focusImage(images[0].id);
  });

  document.addEventListener('deletes-due', ({ detail: images }) => images.forEach(remove));

  /** @param {ReturnType<typeof parseRoute>} route anything but a delete link */
  function followRoute(route) {
    if (route.name === 'image') {
      showImage(gallery.find(route.id) ?? { id: route.id });
    } else {
      viewer.close?.();
      gallery.show(route);
    }
  }

  function go(route) {
    history.pushState(null, '', hashOf(route) || location.pathname + location.search);
    followRoute(route);
  }

  function leaveImage() {
    if (history.state?.openedHere) {
      history.back();
    } else {
      history.replaceState(null, '', hashOf(gallery.view) || location.pathname + location.search);
    }
  }

  async function showImage(image) {
    try {
      const { registerImageViewer } = await import('./components/image-viewer/image-viewer.js');
      const { prepareCopying } = await import('./copying.js');
      await Promise.all([prepareCopying({ memory }), loadStyles('components/image-viewer/image-viewer.css')]);
      registerImageViewer();
    } catch {
      // Without the large view there is still the picture.
      if (image.link) {
        location.assign(image.link);
      }
      return;
    }
    // The person may have gone on meanwhile.
    if (parseRoute(location.hash).id === image.id) {
      viewer.limits = gallery.limits;
      viewer.show(image, { own: memory.tokenOf(image.id) !== null });
      showNeighbours();
    }
  }

  function showNeighbours() {
    if (viewer.imageId) {
      viewer.neighbours = { previous: gallery.goesOn(viewer.imageId, -1), next: gallery.goesOn(viewer.imageId, 1) };
    }
  }

  /** Once, at the first delete. */
  async function loadUndoBar() {
    if (undoBar.offer === undefined) {
      const { registerUndoBar } = await import('./components/undo-bar/undo-bar.js');
      registerUndoBar();
    }
  }

  async function remove(image) {
    try {
      await deleteImage(image.id, memory.tokenOf(image.id));
    } catch (error) {
      const failure = asFailure(error);
      // Otherwise someone was faster; what was wanted is so.
      if (failure.code !== 'image-deleted') {
        const reason = text('undo.failed', { reason: describeFailure(failure).text });
        gallery.restore(image, reason);
        return;
      }
    }
    forget(image.id);
  }

  return { gallery, followRoute };
}

/*
 * The picture of an image in the page: no larger than it has to be, its place
 * taken and its placeholder there before it arrives, and the original where
 * there is no variant.
 * May import ./image.js; ./thumb-hash.js is loaded with the first placeholder.
 */

import { altOf, sourceOf, sourceSetOf } from './image.js';

/**
 * An element of class `picture`, whose size follows from the image's and from the room that the style sheet gives it
 * (`--room`: its greatest height).
 * @param {import('./image.js').Image} image
 * @param {object} options
 * @param {Record<string, number> | null} options.variantSizes from the limits; null while unknown: then it is the original
 * @param {{width: number, height: number}} options.room how large it becomes at most, in rem
 * @param {boolean} [options.lazy] loaded only when it comes near to where the person is
 * @param {boolean} [options.whole] the original where no variant is large enough
 * @returns {HTMLElement}
 */
export function makePicture(image, { variantSizes, room, lazy = false, whole = false }) {
  const { width, height } = image;
  const frame = document.createElement('span');
  frame.className = 'picture';
  frame.style.setProperty('--width', width);
  frame.style.setProperty('--ratio', width / height);

  const picture = new Image(width, height);
  // Before the sources, or it is loaded at once.
  picture.loading = lazy ? 'lazy' : 'eager';
  picture.decoding = 'async';
  picture.alt = altOf(image);
  picture.sizes = `${Math.min(room.width, (room.height * width) / height)}rem`;
  picture.srcset = sourceSetOf(image, variantSizes, undefined, whole);
  picture.src = sourceOf(image);

  frame.append(picture);
  showPlaceholder(frame, image).catch(() => {});
  const settle = () => {
    frame.dataset.settled = '';
    frame.querySelector('canvas')?.remove();
  };
  // Loaded is not painted yet: without waiting for that, nothing would be seen for a moment.
  picture.addEventListener('load', () => picture.decode().then(settle, settle), { once: true });
  picture.addEventListener('error', () => {
    if (picture.srcset !== '') {
      // It cannot be made, or not now. With this the browser loads `src`.
      picture.removeAttribute('srcset');
      return;
    }
    settle();
    // The words instead of the picture need more room than it may have.
    frame.classList.add('picture--missing');
  });
  return frame;
}

/** Behind the picture, until that is there. */
async function showPlaceholder(frame, { thumbhash }) {
  if (!thumbhash) {
    return;
  }
  const { decodeThumbHash } = await import('./thumb-hash.js');
  const decoded = decodeThumbHash(thumbhash);
  if (decoded === null || 'settled' in frame.dataset) {
    return;
  }
  const canvas = document.createElement('canvas');
  canvas.width = decoded.width;
  canvas.height = decoded.height;
  // Nothing that the picture's description does not say.
  canvas.ariaHidden = 'true';
  canvas.getContext('2d').putImageData(new ImageData(decoded.pixels, decoded.width, decoded.height), 0, 0);
  frame.prepend(canvas);
}

/*
 * A decoded picture, and canvases to draw it smaller on: in a worker or, where
 * the browser can draw in none, in the page. Holds one bitmap and one canvas at
 * a time, and lets go of both.
 * Imports nothing.
 */

/** Rows that are looked at together for transparency: bounds what that takes. */
const STRIP_PIXELS = 1 << 20;

export class Picture {
  #bitmap;
  #canvas = null;
  #drawnFor = null;

  /**
   * The orientation of cameras is applied, and the colours become those of the canvas (sRGB), whatever profile they
   * were written in.
   * @param {Blob} file
   */
  static async open(file) {
    const picture = new Picture();
    picture.#bitmap = await createImageBitmap(file, { imageOrientation: 'from-image', colorSpaceConversion: 'default' });
    return picture;
  }

  get width() {
    return this.#bitmap.width;
  }

  get height() {
    return this.#bitmap.height;
  }

  isOpaque() {
    const { width, height } = this.#bitmap;
    const rows = Math.max(1, Math.floor(STRIP_PIXELS / width));
    const strip = makeCanvas(width, Math.min(rows, height));
    const context = strip.getContext('2d', { willReadFrequently: true });
    for (let top = 0; top < height; top += rows) {
      context.clearRect(0, 0, width, strip.height);
      context.drawImage(this.#bitmap, 0, -top);
      const seen = Math.min(strip.height, height - top);
      if (hasTransparency(context.getImageData(0, 0, width, seen).data)) {
        return false;
      }
    }
    return true;
  }

  /**
   * @param {{width: number, height: number, type: string, quality: number}} version
   * @returns {Promise<Blob>} of another type where the browser cannot write this one
   * @throws where the canvas is larger than the browser can have, or there is no room for it
   */
  encode({ width, height, type, quality }) {
    if (this.#canvas?.width !== width || this.#canvas?.height !== height || this.#drawnFor !== type) {
      this.#draw(width, height, type);
    }
    return encodeCanvas(this.#canvas, type, quality);
  }

  close() {
    this.#bitmap.close();
    this.#dropCanvas();
  }

  #draw(width, height, type) {
    this.#dropCanvas();
    const canvas = makeCanvas(width, height);
    const context = canvas.getContext('2d', { alpha: type !== 'image/jpeg' });
    // A canvas that is too large takes every drawing and shows none (Safari): see whether it does.
    context.fillStyle = 'white';
    context.fillRect(0, 0, width, height);
    if (context.getImageData(width - 1, height - 1, 1, 1).data[0] !== 255) {
      throw new Error('the canvas stays empty');
    }
    if (type !== 'image/jpeg') {
      context.clearRect(0, 0, width, height);
    }
    context.imageSmoothingQuality = 'high';
    context.drawImage(this.#bitmap, 0, 0, width, height);
    this.#canvas = canvas;
    this.#drawnFor = type;
  }

  #dropCanvas() {
    if (this.#canvas !== null) {
      // Gives its memory back now, not when it is collected.
      this.#canvas.width = 0;
      this.#canvas.height = 0;
      this.#canvas = null;
    }
  }
}

function makeCanvas(width, height) {
  if (typeof OffscreenCanvas === 'function') {
    return new OffscreenCanvas(width, height);
  }
  return Object.assign(document.createElement('canvas'), { width, height });
}

async function encodeCanvas(canvas, type, quality) {
  if ('convertToBlob' in canvas) {
    return canvas.convertToBlob({ type, quality });
  }
  const blob = await new Promise((resolve) => {
    canvas.toBlob(resolve, type, quality);
  });
  if (blob === null) {
    throw new Error('the canvas has no picture');
  }
  return blob;
}

function hasTransparency(pixels) {
  for (let at = 3; at < pixels.length; at += 4) {
    if (pixels[at] !== 255) {
      return true;
    }
  }
  return false;
}

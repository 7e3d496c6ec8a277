/*
 * Photos for the tests of shrinking: drawn in the browser, because Node has no
 * encoder for JPEG. Four corners of four colours tell which way up they are, and
 * noise makes them as large as photos.
 */

/** From top left, clockwise. */
export const CORNERS = ['red', 'green', 'blue', 'yellow'];

/** What a person sees of them by EXIF orientation (TIFF 6.0, tag 274). */
export const CORNERS_BY_ORIENTATION = {
  1: ['red', 'green', 'blue', 'yellow'],
  2: ['green', 'red', 'yellow', 'blue'],
  3: ['blue', 'yellow', 'red', 'green'],
  4: ['yellow', 'blue', 'green', 'red'],
  5: ['red', 'yellow', 'blue', 'green'],
  6: ['yellow', 'red', 'green', 'blue'],
  7: ['blue', 'green', 'red', 'yellow'],
  8: ['green', 'blue', 'yellow', 'red'],
};

/**
 * @param {import('playwright-core').Page} page any page of the server
 * @returns {Promise<{name: string, mimeType: string, buffer: Buffer}>} as Playwright takes files
 */
export async function makePhoto(page, { name = 'photo.jpg', type = 'image/jpeg', width = 600, height = 400, hole = false } = {}) {
  const base64 = await page.evaluate(
    async ({ type: written, width: wide, height: high, hole: holed, colours }) => {
      const canvas = new OffscreenCanvas(wide, high);
      const context = canvas.getContext('2d');
      const image = context.createImageData(wide, high);
      // Noise of a seed: the same photo every time.
      let seed = 1;
      for (let at = 0; at < image.data.length; at += 1) {
        seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
        image.data[at] = at % 4 === 3 ? 255 : seed >> 23;
      }
      context.putImageData(image, 0, 0);
      const [w, h] = [wide / 4, high / 4];
      [[0, 0], [wide - w, 0], [wide - w, high - h], [0, high - h]].forEach(([x, y], index) => {
        context.fillStyle = colours[index];
        context.fillRect(x, y, w, h);
      });
      if (holed) {
        context.clearRect(wide / 2 - w / 2, high / 2 - h / 2, w, h);
      }
      const blob = await canvas.convertToBlob({ type: written, quality: 0.98 });
      return new Promise((resolve) => {
        const reader = new FileReader();
        reader.addEventListener('load', () => resolve(reader.result.split(',')[1]));
        reader.readAsDataURL(blob);
      });
    },
    { type, width, height, hole, colours: CORNERS.map((colour) => (colour === 'green' ? 'lime' : colour)) },
  );
  return { name, mimeType: type, buffer: Buffer.from(base64, 'base64') };
}

/**
 * What is seen in a picture: its colours in the corners, and how opaque its middle is.
 * @param {import('playwright-core').Page} page
 * @param {Buffer} buffer of an image
 */
export function seenIn(page, buffer) {
  return page.evaluate(async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (sign) => sign.charCodeAt(0));
    // As the page shows it: an <img> applies the orientation by itself.
    const image = new Image();
    image.src = URL.createObjectURL(new Blob([bytes]));
    await image.decode();
    const { naturalWidth: width, naturalHeight: height } = image;
    const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
    context.drawImage(image, 0, 0);
    URL.revokeObjectURL(image.src);
    const pixel = (x, y) => [...context.getImageData(Math.floor(x), Math.floor(y), 1, 1).data];
    const name = ([red, green, blue]) =>
      ({ '100': 'red', '010': 'green', '001': 'blue', '110': 'yellow' })[[red, green, blue].map((value) => Number(value > 128)).join('')] ?? `${[red, green, blue]}`;
    const [near, far] = [1 / 12, 11 / 12];
    const corners = [[near, near], [far, near], [far, far], [near, far]].map(([x, y]) => name(pixel(x * width, y * height)));
    return { width, height, corners, middle: pixel(width / 2, height / 2)[3] };
  }, buffer.toString('base64'));
}

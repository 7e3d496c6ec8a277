/*
 * What shrinks a picture, driven without the form: every orientation, type and
 * failure that is hard to have by hand.
 */

import assert from 'node:assert/strict';
import { once } from 'node:events';

import { animatedGif, fromCamera, noisePng, undecodablePng, withSwappedColours } from './support/images.js';
import { CORNERS_BY_ORIENTATION, makePhoto, seenIn } from './support/photos.js';
import { suite } from './support/suite.js';

const { it } = suite();

const MAX_BYTES = 40_000;
const HEAVY = { limits: { maxBytes: MAX_BYTES } };

/** @returns {Promise<{fault: string | null} | {name: string, type: string, buffer: Buffer, tries: object[]}>} */
async function shrink(page, { name, mimeType, buffer }, { limits, cancelAt = null } = HEAVY) {
  const answer = await page.evaluate(
    async ({ base64, fileName, type, wanted, stopAt }) => {
      const { shrinkToFit } = await import('/lib/shrink/shrink.js');
      const bytes = Uint8Array.from(atob(base64), (sign) => sign.charCodeAt(0));
      const file = new File([bytes], fileName, { type, lastModified: 1234 });
      const canceller = new AbortController();
      const tries = [];
      const onTry = (tried) => {
        tries.push(tried);
        if (tried.tries === stopAt) {
          canceller.abort();
        }
      };
      if (stopAt === 0) {
        canceller.abort();
      }
      try {
        const made = await shrinkToFit(file, { limits: wanted, onTry, signal: canceller.signal });
        const out = new Uint8Array(await made.file.arrayBuffer());
        const untouched = new Uint8Array(await file.arrayBuffer()).every((byte, index) => byte === bytes[index]);
        const { width, height, quality, before } = made;
        return { name: made.file.name, type: made.file.type, lastModified: made.file.lastModified, out: [...out], width, height, quality, before, tries, untouched };
      } catch (error) {
        return { fault: error.fault ?? null, error: error.name, tries };
      }
    },
    { base64: buffer.toString('base64'), fileName: name, type: mimeType, wanted: limits, stopAt: cancelAt },
  );
  return answer.out ? { ...answer, buffer: Buffer.from(answer.out) } : answer;
}

/** Ended is one thing, that Playwright has heard of it another. */
async function noWorkers(page) {
  await Promise.all(page.workers().map((worker) => once(worker, 'close')));
  assert.equal(page.workers().length, 0);
}

const aspect = ({ width, height }) => width / height;

it('fills the limit with a photo of the right shape, in few tries, and only reads the original', async (page, { server }) => {
  await page.goto(server.url);
  const photo = await makePhoto(page);
  assert.ok(photo.buffer.length > 3 * MAX_BYTES);
  const made = await shrink(page, photo);
  assert.ok(made.buffer.length <= MAX_BYTES && made.buffer.length > 0.85 * MAX_BYTES, `${made.buffer.length} bytes`);
  assert.deepEqual([made.name, made.type, made.lastModified, made.untouched], ['photo.jpg', 'image/jpeg', 1234, true]);
  assert.deepEqual(made.before, { width: 600, height: 400 });
  assert.ok(made.tries.length <= 10 && made.tries.every(({ width }) => width <= 600), JSON.stringify(made.tries));
  const seen = await seenIn(page, made.buffer);
  assert.deepEqual([seen.width, seen.height], [made.width, made.height], 'what it says of itself is so');
  assert.ok(Math.abs(aspect(seen) - 1.5) < 0.02, `${aspect(seen)}`);
});

it('keeps the size where less quality is enough', async (page, { server }) => {
  await page.goto(server.url);
  const photo = await makePhoto(page);
  const made = await shrink(page, photo, { limits: { maxBytes: photo.buffer.length * 0.6 } });
  assert.deepEqual([made.width, made.height], [600, 400]);
  assert.ok(made.quality >= 0.8 && made.quality <= 0.92);
});

it('takes every way that a camera can be held', async (page, { server }) => {
  await page.goto(server.url);
  const photo = await makePhoto(page);
  for (const [orientation, corners] of Object.entries(CORNERS_BY_ORIENTATION)) {
    const original = fromCamera(photo, 'Camera of Ada', Number(orientation));
    assert.deepEqual((await seenIn(page, original.buffer)).corners, corners, 'the test itself knows the orientation');
    const made = await shrink(page, original);
    const seen = await seenIn(page, made.buffer);
    assert.deepEqual(seen.corners, corners, `orientation ${orientation}`);
    assert.equal(aspect(seen) > 1, Number(orientation) < 5, `orientation ${orientation}`);
    assert.deepEqual(made.before, Number(orientation) < 5 ? { width: 600, height: 400 } : { width: 400, height: 600 });
    assert.ok(!made.buffer.includes('Exif') && !made.buffer.includes('Camera of Ada'));
  }
});

it('turns the colours of a profile into those of the web', async (page, { server }) => {
  await page.goto(server.url);
  const original = withSwappedColours(await makePhoto(page));
  const [red, , blue] = (await seenIn(page, original.buffer)).corners;
  assert.deepEqual([red, blue], ['blue', 'red'], 'the browser knows the profile');
  const made = await shrink(page, original);
  const { corners } = await seenIn(page, made.buffer);
  assert.deepEqual([corners[0], corners[2]], ['blue', 'red']);
});

it('keeps what is transparent transparent', async (page, { server }) => {
  await page.goto(server.url);
  const made = await shrink(page, await makePhoto(page, { name: 'logo.png', type: 'image/png', hole: true }));
  assert.deepEqual([made.name, made.type], ['logo.webp', 'image/webp']);
  const seen = await seenIn(page, made.buffer);
  assert.equal(seen.middle, 0);
  assert.deepEqual(seen.corners, CORNERS_BY_ORIENTATION[1]);
});

it('finds a single transparent pixel, and makes a photo of a PNG that has none', async (page, { server }) => {
  await page.goto(server.url);
  const opaque = await shrink(page, noisePng(200, 'screen.png'));
  assert.deepEqual([opaque.name, opaque.type], ['screen.jpg', 'image/jpeg']);
  const dotted = await page.evaluate(async () => {
    const canvas = new OffscreenCanvas(1200, 1000);
    const context = canvas.getContext('2d');
    context.fillRect(0, 0, 1200, 1000);
    context.clearRect(1199, 999, 1, 1);
    return [...new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer())];
  });
  const made = await shrink(page, { name: 'dotted.png', mimeType: 'image/png', buffer: Buffer.from(dotted) });
  assert.equal(made.type, 'image/webp');
});

it('writes a smaller PNG where the browser writes no WebP, or the server takes none', async (page, { server }) => {
  await page.goto(server.url);
  const logo = await makePhoto(page, { name: 'logo.png', type: 'image/png', hole: true });
  const types = ['image/jpeg', 'image/png'];
  const untaken = await shrink(page, logo, { limits: { maxBytes: MAX_BYTES, types } });
  assert.deepEqual([untaken.name, untaken.type], ['logo.png', 'image/png']);
  assert.ok(untaken.buffer.length <= MAX_BYTES);
  assert.equal((await seenIn(page, untaken.buffer)).middle, 0);

  await page.evaluate(() => {
    delete globalThis.Worker;
    const { convertToBlob } = OffscreenCanvas.prototype;
    OffscreenCanvas.prototype.convertToBlob = function convert(options) {
      return convertToBlob.call(this, options.type === 'image/webp' ? { type: 'image/png' } : options);
    };
  });
  const unwritten = await shrink(page, logo);
  assert.deepEqual([unwritten.name, unwritten.type], ['logo.png', 'image/png']);
});

it('paints what is transparent white where only JPEG is taken', async (page, { server }) => {
  await page.goto(server.url);
  const logo = await makePhoto(page, { name: 'logo.png', type: 'image/png', hole: true });
  const made = await shrink(page, logo, { limits: { maxBytes: MAX_BYTES, types: ['image/jpeg'] } });
  assert.equal(made.type, 'image/jpeg');
  const dark = await page.evaluate(async (bytes) => {
    const bitmap = await createImageBitmap(new Blob([new Uint8Array(bytes)]));
    const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
    context.drawImage(bitmap, 0, 0);
    return [...context.getImageData(bitmap.width / 2, bitmap.height / 2, 1, 1).data].filter((value) => value < 200);
  }, [...made.buffer]);
  assert.deepEqual(dark, []);
});

it('keeps the limits of pixels and sides, even where the bytes would fit', async (page, { server }) => {
  await page.goto(server.url);
  const photo = await makePhoto(page);
  for (const limits of [{ maxPixels: 60_000 }, { maxSide: 300 }]) {
    const made = await shrink(page, photo, { limits: { maxBytes: 1_000_000, ...limits } });
    assert.deepEqual([made.width, made.height], [300, 200]);
  }
});

for (const [what, script] of [
  ['no worker', () => { delete globalThis.Worker; }],
  ['no worker and no canvas but that of a page', () => {
    delete globalThis.Worker;
    delete globalThis.OffscreenCanvas;
  }],
]) {
  it(`does without: ${what}`, async (page, { server }) => {
    await page.goto(server.url);
    const photo = fromCamera(await makePhoto(page));
    await page.evaluate(script);
    const made = await shrink(page, photo);
    assert.ok(made.buffer.length <= MAX_BYTES);
    await page.reload();
    assert.deepEqual((await seenIn(page, made.buffer)).corners, CORNERS_BY_ORIENTATION[6]);
  });
}

it(
  'does it in the page where its worker cannot be loaded',
  async (page, { server }) => {
    await page.route('**/worker.js', (route) => route.abort());
    await page.goto(server.url);
    const made = await shrink(page, await makePhoto(page));
    assert.ok(made.buffer.length <= MAX_BYTES);
  },
  { complaints: [/ERR_FAILED/] },
);

it('works in a worker, and ends it', async (page, { server }) => {
  await page.goto(server.url);
  const photo = await makePhoto(page);
  const began = page.waitForEvent('worker');
  const made = shrink(page, photo);
  const worker = await began;
  assert.match(worker.url(), /\/lib\/shrink\/worker\.js$/);
  await made;
  await noWorkers(page);
});

it('makes it smaller where the canvas of this browser ends, silently or not', async (page, { server }) => {
  await page.goto(server.url);
  const large = await makePhoto(page, { width: 2400, height: 2000 });
  await page.evaluate(() => {
    delete globalThis.Worker;
    // As Safari does: what is drawn on too large a canvas is not there.
    const { fillRect } = OffscreenCanvasRenderingContext2D.prototype;
    OffscreenCanvasRenderingContext2D.prototype.fillRect = function fill(...area) {
      return this.canvas.width * this.canvas.height > 4_194_304 ? undefined : fillRect.apply(this, area);
    };
  });
  const made = await shrink(page, large, { limits: { maxBytes: 4_000_000 } });
  assert.ok(made.width * made.height <= 4_194_304 && made.width * made.height > 4_000_000, `${made.width} × ${made.height}`);

  await page.evaluate(() => {
    OffscreenCanvas.prototype.convertToBlob = () => Promise.reject(new DOMException('no room', 'EncodingError'));
  });
  assert.equal((await shrink(page, large)).fault, 'undrawable');
});

it('says why it cannot be done', async (page, { server }) => {
  await page.goto(server.url);
  const text = { name: 'cat.png', mimeType: 'image/png', buffer: Buffer.from('meow\n'.repeat(40)) };
  assert.equal((await shrink(page, text)).fault, 'undecodable');
  assert.equal((await shrink(page, undecodablePng())).fault, 'undecodable');
  assert.equal((await shrink(page, animatedGif())).fault, 'animated');
  const unreachable = await shrink(page, await makePhoto(page), { limits: { maxBytes: 300 } });
  assert.equal(unreachable.fault, 'unreachable');
  assert.ok(unreachable.tries.length <= 10);
  // The header alone: nobody decodes it.
  const { buffer } = undecodablePng();
  buffer.writeUInt32BE(60_000, 16);
  buffer.writeUInt32BE(60_000, 20);
  assert.equal((await shrink(page, { name: 'bomb.png', mimeType: 'image/png', buffer })).fault, 'too-many-pixels');
});

it('says when the file is gone', async (page, { server }) => {
  await page.goto(server.url);
  const fault = await page.evaluate(async () => {
    const { shrinkToFit } = await import('/lib/shrink/shrink.js');
    delete globalThis.Worker;
    const gone = new File(['x'], 'gone.png');
    gone.arrayBuffer = () => Promise.reject(new DOMException('gone', 'NotReadableError'));
    return shrinkToFit(gone, { limits: { maxBytes: 10 } }).catch((error) => error.fault);
  });
  assert.equal(fault, 'unreadable');
});

for (const [where, prepare] of [['worker', () => {}], ['page', () => { delete globalThis.Worker; }]]) {
  it(`stops when it is cancelled, in the ${where}, and the next one is not held up`, async (page, { server }) => {
    await page.goto(server.url);
    const photo = await makePhoto(page);
    await page.evaluate(prepare);
    for (const cancelAt of [0, 1, 2]) {
      const { error, tries } = await shrink(page, photo, { ...HEAVY, cancelAt });
      assert.equal(error, 'AbortError');
      assert.equal(tries.length, cancelAt, 'nothing is made any more');
    }
    await noWorkers(page);
    assert.ok((await shrink(page, photo)).buffer.length <= MAX_BYTES);
  });
}

it('makes one after the other, and one that is cancelled while it waits lets the rest go on', async (page, { server }) => {
  await page.goto(server.url);
  const { buffer } = await makePhoto(page);
  const events = await page.evaluate(async ({ base64, maxBytes }) => {
    const { shrinkToFit } = await import('/lib/shrink/shrink.js');
    const bytes = Uint8Array.from(atob(base64), (sign) => sign.charCodeAt(0));
    const seen = [];
    const canceller = new AbortController();
    const start = (name, signal) =>
      shrinkToFit(new File([bytes], name), { limits: { maxBytes }, signal, onTry: () => seen.push(name) }).then(
        () => seen.push(`${name} done`),
        () => seen.push(`${name} cancelled`),
      );
    const all = [start('a'), start('b', canceller.signal), start('c')];
    canceller.abort();
    await Promise.all(all);
    return seen;
  }, { base64: buffer.toString('base64'), maxBytes: MAX_BYTES });
  const told = events.filter((event, index) => event !== events[index - 1]);
  assert.deepEqual(told, ['b cancelled', 'a', 'a done', 'c', 'c done']);
});

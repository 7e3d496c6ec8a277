import assert from 'node:assert/strict';

import { imagesOf } from './support/api.js';
import { formOf, isLoaded, resultOf, rowOf } from './support/form.js';
import { animatedGif, fixture, fromCamera, smoothPng } from './support/images.js';
import { CORNERS_BY_ORIENTATION, makePhoto, seenIn } from './support/photos.js';
import { suite } from './support/suite.js';

const MAX_BYTES = 40_000;

/** Small, so that small photos are too large. */
const { it } = suite({ MAX_UPLOAD_BYTES: String(MAX_BYTES) });

/** What the row of a file offers. */
function offerOf(page, fileName) {
  const { row } = rowOf(page, fileName);
  const button = (name) => row.getByRole('button', { name: `${name}: “${fileName}”` });
  return {
    start: button('Shrink to fit'),
    convert: button('Convert to JPEG'),
    cancel: button('Cancel'),
    undo: button('Undo'),
    progress: row.getByRole('progressbar', { name: `Shrinking “${fileName}”` }),
    before: row.getByRole('img', { name: `“${fileName}” before` }),
    after: row.getByRole('img', { name: `“${fileName}” after` }),
    any: row.locator('shrink-offer').getByRole('button'),
  };
}

/** The form with these files chosen, and a name to upload them by. */
async function choose(page, files, name = 'Ada shrinks') {
  await formOf(page).file.setInputFiles(files);
  await formOf(page).name.fill(name);
}

/** The page with limits known, and a photo too large for them. */
async function openWithPhoto(page, server, options) {
  await page.goto(server.url);
  await page.getByText('up to 39 KB').waitFor();
  return makePhoto(page, options);
}

/** Slow enough for a person to press "Cancel": the worker is held back until this is called. */
async function holdWorker(page) {
  let release;
  const held = new Promise((resolve) => {
    release = resolve;
  });
  await page.route('**/shrink/worker.js', async (route) => {
    await held;
    await route.continue();
  });
  return release;
}

it('offers to shrink a photo over the limit, shows before and after, and uploads it the right way up', async (page, { server }) => {
  const photo = fromCamera(await openWithPhoto(page, server, { name: 'huge.jpg' }));
  await choose(page, photo);
  await rowOf(page, 'huge.jpg').alert.getByText(/“huge\.jpg” is too large: it has \d\d\d\sKB, the limit is 39\sKB/).waitFor();
  const offer = offerOf(page, 'huge.jpg');
  await offer.start.click();
  await offer.undo.waitFor();

  assert.match(await page.locator('figure').first().textContent(), /Before\s+\d\d\d\sKB, 400\s×\s600 pixels/);
  assert.match(await page.locator('figure').last().textContent(), /After\s+3\d\sKB, \d+\s×\s\d+ pixels/);
  for (const picture of [offer.before, offer.after]) {
    assert.ok(await isLoaded(picture));
  }
  assert.equal(await rowOf(page, 'huge.jpg').alert.count(), 0, 'nothing stands against it any more');
  // It may be said together with something else.
  await page.getByRole('status').getByText(/“huge\.jpg” is smaller now: 3\d\sKB/).waitFor();

  await formOf(page).submit.click();
  await resultOf(page).title.waitFor();
  const [image] = await imagesOf(server, 'Ada shrinks');
  assert.ok(image.size_bytes <= MAX_BYTES && image.size_bytes > 0.85 * MAX_BYTES, `${image.size_bytes}`);
  assert.deepEqual([image.content_type, image.file_name], ['image/jpeg', 'huge.jpg']);
  const stored = await fetch(image.link);
  const seen = await seenIn(page, Buffer.from(await stored.arrayBuffer()));
  assert.deepEqual(seen.corners, CORNERS_BY_ORIENTATION[6]);
  assert.deepEqual([seen.width, seen.height], [image.width, image.height]);
  assert.ok(Math.abs(seen.width / seen.height - 2 / 3) < 0.02);
});

it('takes it back, with the file as it was chosen, and offers it again', async (page, { server }) => {
  const photo = await openWithPhoto(page, server);
  await choose(page, photo);
  const offer = offerOf(page, 'photo.jpg');
  await offer.start.click();
  await offer.undo.click();
  await rowOf(page, 'photo.jpg').alert.getByText(/is too large/).waitFor();
  assert.equal(await offer.after.count(), 0);
  assert.equal(await offer.start.evaluate((button) => button === document.activeElement), true);
  const now = await formOf(page).file.evaluate(async (input) => {
    const row = document.querySelector('upload-row [data-part=preview]');
    const shown = await (await createImageBitmap(row)).width;
    return { chosen: input.files.length, shown };
  });
  assert.equal(now.shown, 600, 'the row shows the chosen one');

  await offer.start.click();
  await offer.undo.waitFor();
});

it('only reads the file that was chosen', async (page, { server }) => {
  const photo = await openWithPhoto(page, server);
  // As main.js hears it: the upload keeps what was chosen beside what is sent.
  await page.evaluate(() => {
    document.addEventListener('file-shrunk', async ({ detail: { upload, file } }) => {
      const bytes = new Uint8Array(await upload.chosen.arrayBuffer());
      globalThis.seen = { bytes: [...bytes], name: upload.chosen.name, other: file !== upload.chosen };
    });
  });
  await choose(page, photo);
  await offerOf(page, 'photo.jpg').start.click();
  const seen = await (await page.waitForFunction(() => globalThis.seen)).jsonValue();
  assert.ok(Buffer.from(seen.bytes).equals(photo.buffer));
  assert.deepEqual([seen.name, seen.other], ['photo.jpg', true]);
});

it('shows that it works, and stops when it is cancelled', async (page, { server }) => {
  const photo = await openWithPhoto(page, server);
  const release = await holdWorker(page);
  await choose(page, photo);
  const offer = offerOf(page, 'photo.jpg');
  await offer.start.press('Enter');
  await offer.progress.waitFor();
  assert.equal(await offer.cancel.evaluate((button) => button === document.activeElement), true, 'where the other button was');
  await page.keyboard.press('Enter');
  await offer.start.waitFor();
  assert.equal(await offer.start.evaluate((button) => button === document.activeElement), true);
  await rowOf(page, 'photo.jpg').alert.getByText(/is too large/).waitFor();
  release();
  await offer.start.click();
  await offer.undo.waitFor();
});

it('shrinks several at once, the ones that are too large', async (page, { server }) => {
  const photo = await openWithPhoto(page, server);
  const files = [{ ...photo, name: 'one.jpg' }, await fixture('lake.png'), { ...photo, name: 'two.jpg' }];
  await choose(page, files, 'Ada shrinks all');
  await offerOf(page, 'two.jpg').start.waitFor();
  assert.equal(await offerOf(page, 'lake.png').any.count(), 0);
  await page.getByRole('button', { name: 'Shrink all to fit' }).click();
  await offerOf(page, 'one.jpg').undo.waitFor();
  await offerOf(page, 'two.jpg').undo.waitFor();
  await page.getByRole('button', { name: 'Upload 3 images' }).click();
  await resultOf(page, 'two.jpg').title.waitFor();
  await resultOf(page, 'one.jpg').title.waitFor();
  await resultOf(page, 'lake.png').title.waitFor();
  const images = await imagesOf(server, 'Ada shrinks all');
  assert.ok(images.length === 3 && images.every(({ size_bytes: bytes }) => bytes <= MAX_BYTES));
});

it('offers to shrink all only where there are two that can be, and leaves nobody without a place', async (page, { server }) => {
  const photo = await openWithPhoto(page, server);
  const all = page.getByRole('button', { name: 'Shrink all to fit' });
  await choose(page, [{ ...photo, name: 'one.jpg' }, animatedGif(60)]);
  await offerOf(page, 'one.jpg').start.waitFor();
  await rowOf(page, 'dance.gif').alert.getByText(/is an animation/).waitFor();
  assert.equal(await all.count(), 0, 'the animation cannot be');
  await choose(page, [{ ...photo, name: 'two.jpg' }]);
  const release = await holdWorker(page);
  await all.press('Enter');
  await offerOf(page, 'one.jpg').progress.waitFor();
  assert.equal(await all.count(), 0);
  assert.equal(await offerOf(page, 'one.jpg').cancel.evaluate((button) => button === document.activeElement), true);
  release();
  await offerOf(page, 'two.jpg').undo.waitFor();
});

it('keeps what is transparent', async (page, { server }) => {
  const logo = await openWithPhoto(page, server, { name: 'logo.png', type: 'image/png', hole: true });
  await choose(page, logo, 'Ada transparent');
  await offerOf(page, 'logo.png').start.click();
  await rowOf(page, 'logo.webp').row.waitFor();
  await formOf(page).submit.click();
  await resultOf(page).title.waitFor();
  const [image] = await imagesOf(server, 'Ada transparent');
  assert.deepEqual([image.content_type, image.file_name], ['image/webp', 'logo.webp']);
  const stored = Buffer.from(await (await fetch(image.link)).arrayBuffer());
  assert.equal((await seenIn(page, stored)).middle, 0);
});

it('offers it for a side that is too long, too, before anything is sent', async (page, { server }) => {
  await openWithPhoto(page, server);
  const { max_side: limit } = await (await fetch(`${server.url}api/v1/limits`)).json();
  const strip = smoothPng(limit + 16, 20);
  await choose(page, { ...strip, name: 'strip.png' }, 'Ada of long sides');
  await rowOf(page, 'strip.png').alert.getByText(/“strip\.png” is too large: it has 16,400\s×\s20 pixels, the limit is 16,384/).waitFor();
  await offerOf(page, 'strip.png').start.click();
  await rowOf(page, 'strip.jpg').row.waitFor();
  await formOf(page).submit.click();
  await resultOf(page).title.waitFor();
  const [image] = await imagesOf(server, 'Ada of long sides');
  assert.ok(image.width <= limit && image.height < 20, `${image.width} × ${image.height}`);
});

it('explains why an animation is not shrunk', async (page, { server }) => {
  await openWithPhoto(page, server);
  await choose(page, animatedGif(60));
  await rowOf(page, 'dance.gif').alert.getByText('“dance.gif” is an animation. Shrinking would leave only its first picture').waitFor();
  assert.equal(await offerOf(page, 'dance.gif').any.count(), 0);
});

it('explains HEIC, by name and by what is inside, and offers nothing that this browser cannot do', async (page, { server }) => {
  await openWithPhoto(page, server);
  const buffer = Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'latin1');
  const named = { name: 'IMG_1.HEIC', mimeType: '', buffer };
  const disguised = { name: 'IMG_2.jpg', mimeType: 'image/jpeg', buffer };
  await choose(page, [named, disguised]);
  for (const { name } of [named, disguised]) {
    await rowOf(page, name).alert.getByText(/is a HEIC photo, as iPhones take them.*Settings → Camera → Formats → Most Compatible/).waitFor();
    assert.equal(await offerOf(page, name).any.count(), 0);
  }
});

it('converts what this browser can read and the server does not take', async (page, { server }) => {
  await openWithPhoto(page, server);
  // A BMP of one blue pixel.
  const buffer = Buffer.alloc(58);
  buffer.write('BM', 'latin1');
  for (const [at, value] of [[2, 58], [10, 54], [14, 40], [18, 1], [22, 1], [34, 4], [54, 0xff]]) {
    buffer.writeUInt32LE(value, at);
  }
  buffer.writeUInt16LE(1, 26);
  buffer.writeUInt16LE(24, 28);
  await choose(page, { name: 'dot.bmp', mimeType: 'image/bmp', buffer }, 'Ada converts');
  await rowOf(page, 'dot.bmp').alert.getByText('“dot.bmp” is a BMP image, which cannot be uploaded here.').waitFor();
  await offerOf(page, 'dot.bmp').convert.click();
  await rowOf(page, 'dot.jpg').row.waitFor();
  await formOf(page).submit.click();
  await resultOf(page).title.waitFor();
  const [image] = await imagesOf(server, 'Ada converts');
  assert.deepEqual([image.content_type, image.width, image.height], ['image/jpeg', 1, 1]);
});

it('says that a damaged file cannot be opened', async (page, { server }) => {
  const photo = await openWithPhoto(page, server);
  const damaged = Buffer.concat([photo.buffer.subarray(0, 3), Buffer.alloc(photo.buffer.length)]);
  await choose(page, { ...photo, buffer: damaged });
  await offerOf(page, 'photo.jpg').start.click();
  await rowOf(page, 'photo.jpg').alert.getByText('This browser cannot open “photo.jpg”').waitFor();
  assert.equal(await offerOf(page, 'photo.jpg').any.count(), 0);
});

it(
  'says when what shrinks cannot be loaded, and can be tried again',
  async (page, { server }) => {
    const photo = await openWithPhoto(page, server);
    await page.route('**/shrink/shrink.js', (route) => route.abort());
    await choose(page, photo);
    await offerOf(page, 'photo.jpg').start.click();
    await rowOf(page, 'photo.jpg').alert.getByText('What shrinks pictures could not be loaded.').waitFor();
    await page.unroute('**/shrink/shrink.js');
    await offerOf(page, 'photo.jpg').start.click();
    await offerOf(page, 'photo.jpg').undo.waitFor();
  },
  { complaints: [/ERR_FAILED/] },
);

it('shows a name with markup verbatim', async (page, { server }) => {
  const photo = await openWithPhoto(page, server, { name: '<b>bold</b>.jpg' });
  await choose(page, photo);
  await offerOf(page, '<b>bold</b>.jpg').start.click();
  await offerOf(page, '<b>bold</b>.jpg').undo.waitFor();
  assert.equal(await page.locator('b').count(), 0);
});

it('loads what shrinks only when it is wanted', async (page, { server }) => {
  const asked = [];
  page.on('request', (request) => asked.push(new URL(request.url()).pathname));
  await page.goto(server.url);
  await page.getByText('up to 39 KB').waitFor();
  assert.deepEqual(asked.filter((path) => path.includes('/shrink/')), []);
});

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before } from 'node:test';

import { formOf, rowOf } from './support/form.js';
import { fixture, noisePng } from './support/images.js';
import { suite } from './support/suite.js';

const { it } = suite();

let folder;

before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'image-handler-dropped-'));
  await mkdir(path.join(folder, 'holiday', 'beach'), { recursive: true });
  await mkdir(path.join(folder, 'papers'));
  const { buffer: hills } = await fixture('hills.jpg');
  const { buffer: lake } = await fixture('lake.png');
  for (const [name, content] of [
    ['hills.jpg', hills],
    ['lake.png', lake],
    ['holiday/hills.jpg', hills],
    ['holiday/beach/lake.png', noisePng(2).buffer],
    ['holiday/notes.txt', 'Packed: everything.'],
    ['holiday/.hidden.png', 'not meant'],
    ['papers/notes.txt', 'Nothing to see.'],
  ]) {
    await writeFile(path.join(folder, name), content);
  }
});

after(() => rm(folder, { recursive: true, force: true }));

const isDragging = (page) => page.locator('file-field').evaluate((field) => field.hasAttribute('data-dragging'));
const namesOf = (page) => formOf(page).uploads.locator('[data-part=name]').allTextContents();

/** When the page can be used. */
async function open(page, { url }) {
  await page.goto(url);
  await formOf(page).file.waitFor();
}

/** Drags as the operating system reports them, with real files and folders. */
async function dragFrom(page, data) {
  const session = await page.context().newCDPSession(page);
  const drag = { items: [], dragOperationsMask: 1, ...data };
  return (type, locator = page.getByRole('heading', { level: 1 })) =>
    locator.boundingBox().then(({ x, y }) => session.send('Input.dispatchDragEvent', { type, x: x + 3, y: y + 3, data: drag }));
}

async function drop(page, data, locator) {
  const drag = await dragFrom(page, data);
  await drag('dragEnter', locator);
  await drag('dragOver', locator);
  await drag('drop', locator);
}

it('takes files that are dropped anywhere, and shows it all the way over children and out again', async (page, { server }) => {
  await open(page, server);
  const drag = await dragFrom(page, { files: [path.join(folder, 'hills.jpg'), path.join(folder, 'lake.png')] });
  await page.evaluate(() => {
    globalThis.flickers = 0;
    new MutationObserver((changes) => {
      globalThis.flickers += changes.length;
    }).observe(document.querySelector('file-field'), { attributeFilter: ['data-dragging'] });
  });
  await drag('dragEnter');
  for (const over of [page.getByText('Your name'), formOf(page).name, formOf(page).submit, page.getByRole('main'), page.locator('file-field label').first()]) {
    await drag('dragOver', over);
    assert.equal(await isDragging(page), true);
  }
  assert.equal(await page.evaluate(() => globalThis.flickers), 1, 'shown once, without flicker');
  await drag('drop');
  await page.getByRole('button', { name: 'Upload 2 images' }).waitFor();
  assert.equal(await isDragging(page), false);
  assert.deepEqual(await namesOf(page), ['hills.jpg', 'lake.png']);
});

it('a drag that leaves the window, or ends unheard, is over', async (page, { server }) => {
  await open(page, server);
  const transfer = await page.evaluateHandle(() => {
    const holder = new DataTransfer();
    holder.items.add(new File(['x'], 'x.png', { type: 'image/png' }));
    return holder;
  });
  // Twice: an element that goes away while files are over it never hears that they left.
  await page.dispatchEvent('h1', 'dragenter', { dataTransfer: transfer });
  await page.dispatchEvent('h1', 'dragenter', { dataTransfer: transfer });
  assert.equal(await isDragging(page), true);
  await page.dispatchEvent('h1', 'dragleave', { dataTransfer: transfer, clientX: 0, clientY: 40 });
  assert.equal(await isDragging(page), false, 'out at the left side');

  await page.dispatchEvent('h1', 'dragenter', { dataTransfer: transfer });
  await page.mouse.move(20, 20);
  await page.waitForFunction(() => !document.querySelector('file-field').hasAttribute('data-dragging'));
});

it('takes the images of dropped folders and of the folders in them, and says what it left out', async (page, { server }) => {
  await open(page, server);
  await drop(page, { files: [path.join(folder, 'lake.png'), path.join(folder, 'holiday')] });
  await page.getByRole('button', { name: 'Upload 3 images' }).waitFor();
  assert.deepEqual((await namesOf(page)).sort(), ['hills.jpg', 'lake.png', 'lake.png'], 'two of one name are two images');
  await page.locator('#file-notice').getByText('One other file in there is no image and was left out.').waitFor();

  await drop(page, { files: [path.join(folder, 'papers')] });
  await page.locator('#file-notice').getByText('There is no image in this folder.').waitFor();
  assert.equal((await namesOf(page)).length, 3);
});

it('explains a dropped text or link, and leaves what is dropped into a text field alone', async (page, { server }) => {
  await open(page, server);
  const text = { items: [{ mimeType: 'text/plain', data: 'Ada by drop' }] };
  await drop(page, { items: [{ mimeType: 'text/uri-list', data: 'https://example.org/cat.png' }] });
  await page.locator('#file-notice').getByText('That was no file. Drop image files, or choose them.').waitFor();
  assert.equal(page.url(), server.url, 'a link that is dropped opens nothing');

  await drop(page, text, formOf(page).name);
  assert.equal(await formOf(page).name.inputValue(), 'Ada by drop');
  assert.deepEqual(await namesOf(page), []);
});

it('a picture of the page itself is not taken for a new file', async (page, { server }) => {
  await open(page, server);
  await page.dispatchEvent('h1', 'dragstart');
  await drop(page, { files: [path.join(folder, 'hills.jpg')] });
  await page.dispatchEvent('h1', 'dragend');
  await drop(page, { files: [path.join(folder, 'lake.png')] });
  await page.getByRole('button', { name: 'Upload 1 image' }).waitFor();
  assert.deepEqual(await namesOf(page), ['lake.png']);
});

it('nothing is added behind a dialog', async (page, { server }) => {
  await open(page, server);
  await page.evaluate(() => document.querySelector('dialog').showModal());
  const drag = await dragFrom(page, { files: [path.join(folder, 'hills.jpg')] });
  await drag('dragEnter');
  await drag('dragOver');
  await drag('drop');
  await page.evaluate(() => document.querySelector('dialog').close());
  await drop(page, { files: [path.join(folder, 'lake.png')] });
  await rowOf(page, 'lake.png').row.waitFor();
  assert.equal((await namesOf(page)).length, 1);
});

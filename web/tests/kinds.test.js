import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test from 'node:test';

import { describeKind, kindByName, objectionInside } from '../public/lib/kinds.js';
import { useLanguage } from '../public/lib/language.js';

useLanguage('en', JSON.parse(await readFile(new URL('../public/locales/en.json', import.meta.url))));

for (const [name, type, kind] of [
  ['IMG_0001.HEIC', '', 'heic'],
  ['a.heif', 'image/heif', 'heic'],
  ['photo', 'image/heic', 'heic'],
  ['a.avif', '', 'avif'],
  ['a.tif', 'image/tiff', 'tiff'],
  ['DSC1.NEF', '', 'raw'],
  ['a.dng', 'image/tiff', 'raw'],
  ['a.svg', 'image/svg+xml', 'svg'],
  ['a.pdf', 'application/pdf', 'pdf'],
  ['clip', 'video/mp4', 'video'],
  ['a.bmp', 'image/bmp', 'bmp'],
  ['a.jpg', 'image/jpeg', null],
  ['heic', '', null],
  ['notes.txt', 'text/plain', null],
]) {
  test(`${name} of type "${type}" is ${kind}`, () => assert.equal(kindByName({ name, type }), kind));
}

test('every kind says what the file is and what to do, with its name verbatim', () => {
  for (const kind of ['heic', 'avif', 'jxl', 'tiff', 'bmp', 'psd', 'raw', 'svg', 'pdf', 'video']) {
    const words = describeKind(kind, '<b>a</b>');
    assert.match(words, /^“<b>a<\/b>” is an? .*(Export|[Ss]ave|choose)/, kind);
    assert.doesNotMatch(words, /[{}]/, kind);
  }
  assert.match(describeKind('heic', 'a.heic'), /iPhone.*Settings → Camera → Formats → Most Compatible.*JPEG/);
});

const HEIC = Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'latin1');

test('an HEIC photo is told from its contents, whatever its name says', async () => {
  assert.match(await objectionInside(new File([HEIC], 'photo.jpg', { type: 'image/jpeg' }), null), /^“photo\.jpg” is a HEIC photo/);
});

test('pixels are counted before anything is sent', async () => {
  const file = new File([await readFile(new URL('../e2e/fixtures/hills.jpg', import.meta.url))], 'hills.jpg');
  assert.equal(await objectionInside(file, null), null);
  assert.equal(await objectionInside(file, { max_pixels: 76_800, max_side: 320 }), null);
  assert.match(await objectionInside(file, { max_pixels: 76_799, max_side: 320 }), /“hills\.jpg” has too many pixels.*320 × 240.*76,799/);
  assert.match(await objectionInside(file, { max_pixels: 76_800, max_side: 319 }), /“hills\.jpg” is too large.*320 × 240.*319/);
});

test('what is not known or cannot be read is left to the server', async () => {
  assert.equal(await objectionInside(new File(['hello'], 'cat.png'), { max_pixels: 1, max_side: 1 }), null);
  const gone = { name: 'gone.png', slice: () => ({ arrayBuffer: () => Promise.reject(new Error('NotFoundError')) }) };
  assert.equal(await objectionInside(gone, null), null);
});

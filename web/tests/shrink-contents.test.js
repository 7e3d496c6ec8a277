import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test from 'node:test';

import { look } from '../public/lib/shrink/contents.js';

const fixture = (name) => readFile(new URL(`../e2e/fixtures/${name}`, import.meta.url));
const bytes = (...parts) => Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from(part))));

for (const [name, contents] of [
  ['hills.jpg', { kind: 'jpeg', animated: false, width: 320, height: 240 }],
  ['lake.png', { kind: 'png', animated: false }],
  ['dusk.gif', { kind: 'gif' }],
  ['dusk.webp', { kind: 'webp' }],
]) {
  test(`${name} is seen for what it is`, async () => {
    const seen = look(await fixture(name));
    assert.deepEqual({ ...seen, ...contents }, seen);
    assert.ok(seen.width > 0 && seen.height > 0);
  });
}

test('a file that ends early is no reason to fail, wherever it ends', async () => {
  for (const name of ['hills.jpg', 'lake.png', 'dusk.gif', 'dusk.webp']) {
    const whole = await fixture(name);
    for (let length = 0; length < Math.min(whole.length, 900); length += 1) {
      const { kind, width } = look(whole.subarray(0, length));
      assert.ok(kind === null || width === null || width > 0, `${name}, ${length}`);
    }
  }
});

const box = (brand, ...others) => {
  const brands = bytes(brand, [0, 0, 0, 0], ...others);
  const size = Buffer.alloc(4);
  size.writeUInt32BE(brands.length + 8);
  return bytes(size, 'ftyp', brands);
};

for (const [what, file, kind] of [
  ['HEIC of an iPhone', box('heic', 'mif1', 'heic'), 'heic'],
  ['HEIF of a camera', box('mif1', 'mif1', 'heix'), 'heic'],
  ['HEIF of no named coding', box('mif1', 'miaf'), 'heic'],
  ['AVIF', box('avif', 'mif1', 'miaf'), 'avif'],
  ['AVIF that begins as any picture', box('mif1', 'avif'), 'avif'],
  ['raw photo of Canon', box('crx ', 'isom'), 'raw'],
  ['MP4', box('isom', 'iso2', 'mp41'), 'video'],
  ['MOV', box('qt  '), 'video'],
  ['unknown box', box('zzzz'), null],
  ['box without an end', bytes([0, 0, 0, 0], 'ftyp'), null],
  ['TIFF', bytes('II*\0', [8, 0, 0, 0]), 'tiff'],
  ['TIFF, big-endian', bytes('MM\0*', [0, 0, 0, 8]), 'tiff'],
  ['PDF', bytes('%PDF-1.7\n'), 'pdf'],
  ['BMP', bytes('BM', Buffer.alloc(60)), 'bmp'],
  ['Photoshop', bytes('8BPS', Buffer.alloc(20)), 'psd'],
  ['JPEG XL', bytes([0xff, 0x0a, 0, 0]), 'jxl'],
  ['JPEG XL in a box', bytes([0, 0, 0, 12], 'JXL \r\n', [0x87, 10]), 'jxl'],
  ['SVG', bytes('<svg xmlns="http://www.w3.org/2000/svg"/>'), 'svg'],
  ['SVG with a prologue', bytes([0xef, 0xbb, 0xbf], '<?xml version="1.0"?>\n<!-- made by hand -->\n<svg/>'), 'svg'],
  ['HTML', bytes('<!doctype html><p>hello'), null],
  ['XML of another kind', bytes('<?xml version="1.0"?><rss/>'), null],
  ['text', bytes('hello'), null],
  ['nothing', bytes(''), null],
]) {
  test(`${what} is ${kind}`, () => assert.equal(look(file).kind, kind));
}

const u32 = (value) => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
const chunk = (type, data) => bytes(u32(data.length), type, data, [0, 0, 0, 0]);
const png = (...chunks) => bytes('\x89PNG\r\n\x1a\n', chunk('IHDR', [...u32(640), ...u32(480), 8, 6, 0, 0, 0]), ...chunks);

test('a PNG moves if it says so before its pixels, and has more than one frame', () => {
  const control = (frames) => chunk('acTL', [...u32(frames), ...u32(0)]);
  const pixels = chunk('IDAT', [1, 2, 3]);
  assert.deepEqual(look(png(control(3), pixels)), { kind: 'png', animated: true, width: 640, height: 480 });
  assert.equal(look(png(control(1), pixels)).animated, false);
  assert.equal(look(png(pixels, control(3))).animated, false);
});

const frame = bytes([0x2c, 0, 0, 0, 0, 4, 0, 4, 0, 0, 2, 2, 0x4c, 0x01, 0]);
const comment = bytes([0x21, 0xfe, 3], 'a,b', [0]);
const gif = (...blocks) => bytes('GIF89a', [4, 0, 5, 0, 0x80, 0, 0, 0, 0, 0, 255, 255, 255], ...blocks, [0x3b]);

test('a GIF moves if it has a second frame', () => {
  assert.deepEqual(look(gif(frame)), { kind: 'gif', animated: false, width: 4, height: 5 });
  assert.equal(look(gif(comment, frame, comment)).animated, false, 'a comma in a comment is no frame');
  assert.equal(look(gif(frame, comment, frame)).animated, true);
});

const webp = (type, data) => bytes('RIFF', [0, 0, 0, 0], 'WEBP', type, [data.length, 0, 0, 0], data);

test('a WebP tells its size in three ways, and whether it moves in one', () => {
  const extended = (flags) => webp('VP8X', [flags, 0, 0, 0, 0x7f, 2, 0, 0xdf, 1, 0]);
  assert.deepEqual(look(extended(0x02)), { kind: 'webp', animated: true, width: 640, height: 480 });
  assert.equal(look(extended(0x10)).animated, false);
  const lossless = webp('VP8L', [0x2f, ...u32((639 | (479 << 14)) >>> 0).reverse(), ...Buffer.alloc(8)]);
  assert.deepEqual(look(lossless), { kind: 'webp', animated: false, width: 640, height: 480 });
  const lossy = webp('VP8 ', [0, 0, 0, 0x9d, 1, 0x2a, 0x80, 2, 0xe0, 1, 0, 0]);
  assert.deepEqual(look(lossy), { kind: 'webp', animated: false, width: 640, height: 480 });
});

test('the size of a JPEG is found behind whatever a camera writes before it', () => {
  const segment = (marker, data) => bytes([0xff, marker, (data.length + 2) >> 8, (data.length + 2) & 255], data);
  const size = segment(0xc2, [8, 0x01, 0xe0, 0x02, 0x80, 3]);
  const before = [segment(0xe1, Buffer.alloc(60_000, 0xff)), bytes([0xff, 0xff]), segment(0xc4, [1, 2, 3])];
  assert.deepEqual(look(bytes([0xff, 0xd8], ...before, size)), { kind: 'jpeg', animated: false, width: 640, height: 480 });
  assert.equal(look(bytes([0xff, 0xd8], 'not a marker')).width, null);
});

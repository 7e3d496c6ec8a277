import assert from 'node:assert/strict';
import test from 'node:test';

import { greatestScale, keeps, leastScale, renamed, scaled, shrinkLimits, typesToTry } from '../public/lib/shrink/rules.js';

const LIMITS = {
  max_upload_bytes: 1000,
  max_pixels: 12_000_000,
  max_side: 5000,
  media_types: [{ media_type: 'image/jpeg' }, { media_type: 'image/png' }],
};

test('what is transparent becomes what can be, a photo a JPEG, and nothing that is not taken', () => {
  assert.deepEqual(typesToTry(true), ['image/jpeg', 'image/webp', 'image/png']);
  assert.deepEqual(typesToTry(false), ['image/webp', 'image/png', 'image/jpeg']);
  assert.deepEqual(typesToTry(false, ['image/jpeg', 'image/png', 'image/gif']), ['image/png', 'image/jpeg']);
});

test('pixels are given up only as far as the limits ask', () => {
  const limits = shrinkLimits(LIMITS);
  assert.equal(greatestScale({ width: 4000, height: 3000 }, limits), 1);
  assert.equal(greatestScale({ width: 100, height: 50 }, limits), 1, 'never larger');
  assert.equal(greatestScale({ width: 50_000, height: 10 }, limits), 0.1);
  for (const picture of [{ width: 8000, height: 6000 }, { width: 6001, height: 3999 }, { width: 4999, height: 4999 }]) {
    const { width, height } = scaled(picture, greatestScale(picture, limits));
    assert.ok(width * height <= 12_000_000 && width <= 5000, `${width} × ${height}`);
    assert.ok(width * height > 11_900_000, `${width} × ${height}`);
  }
  assert.equal(greatestScale({ width: 9000, height: 9000 }, shrinkLimits({ max_upload_bytes: 1 })), 1, 'a server that names none');
});

test('a side is at least one pixel, and no rounding makes it longer', () => {
  assert.deepEqual(scaled({ width: 4000, height: 3 }, 0.1), { width: 400, height: 1 });
  assert.deepEqual(scaled({ width: 300, height: 99 }, 1 / 3), { width: 100, height: 33 });
  assert.equal(leastScale({ width: 20, height: 10 }), 1);
  assert.equal(leastScale({ width: 3200, height: 10 }), 0.01);
});

for (const [name, type, expected] of [
  ['huge.png', 'image/jpeg', 'huge.jpg'],
  ['IMG_1.JPEG', 'image/jpeg', 'IMG_1.JPEG'],
  ['a.b.heic', 'image/jpeg', 'a.b.jpg'],
  ['photo', 'image/jpeg', 'photo.jpg'],
  ['.hidden', 'image/webp', '.hidden.webp'],
  ['logo.gif', 'image/webp', 'logo.webp'],
  ['line\nbreak.bmp', 'image/png', 'line\nbreak.png'],
  ['', 'image/png', 'image.png'],
]) {
  test(`${JSON.stringify(name)} as ${type} is ${JSON.stringify(expected)}`, () => assert.equal(renamed(name, type), expected));
}

test('what came out is held against every limit', () => {
  const limits = shrinkLimits(LIMITS);
  const made = { size: 1000, type: 'image/jpeg', width: 4000, height: 3000 };
  assert.equal(keeps(made, limits), true);
  for (const breach of [{ size: 1001 }, { size: 0 }, { width: 4001 }, { width: 5001, height: 10 }, { type: 'image/webp' }]) {
    assert.equal(keeps({ ...made, ...breach }, limits), false, JSON.stringify(breach));
  }
});

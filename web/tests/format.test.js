import assert from 'node:assert/strict';
import test from 'node:test';

import {
  formatBytes,
  formatDimensions,
  formatMediaTypes,
  formatSizeAgainstLimit,
  formatTime,
  formatWait,
} from '../public/lib/format.js';

/** With ordinary spaces, as the tests write them. */
const plain = (text) => text.replaceAll('\u00a0', ' ');

for (const [bytes, text] of [
  [0, '0 bytes'],
  [1, '1 byte'],
  [1023, '1023 bytes'],
  [1024, '1 KB'],
  [1536, '1.5 KB'],
  [20_480, '20 KB'],
  [1_048_064, '1 MB'],
  [1_048_575, '1 MB'],
  [1_048_576, '1 MB'],
  [2_411_724, '2.3 MB'],
]) {
  test(`${bytes} bytes read "${text}"`, () => {
    assert.equal(plain(formatBytes(bytes)), text);
  });
}

test('a size just over the limit is told in exact bytes, because rounded they would be equal', () => {
  assert.deepEqual(formatSizeAgainstLimit(1_048_577, 1_048_576).map(plain), ['1,048,577 bytes', '1,048,576 bytes']);
  assert.deepEqual(formatSizeAgainstLimit(2_097_152, 1_048_576).map(plain), ['2 MB', '1 MB']);
});

test('a number never parts from its unit', () => {
  assert.equal(formatBytes(2048), '2\u00a0KB');
  assert.equal(formatDimensions(320, 240), '320\u00a0×\u00a0240');
});

test('media types read as a list of names, unknown ones as they are', () => {
  assert.equal(formatMediaTypes(['image/jpeg', 'image/png', 'image/avif']), 'JPEG, PNG or image/avif');
  assert.equal(formatMediaTypes(['image/webp']), 'WebP');
});

test('a wait is told in seconds, then in minutes', () => {
  assert.equal(formatWait(null), 'in a moment');
  assert.equal(formatWait(0), 'in a moment');
  assert.equal(formatWait(1), 'in a second');
  assert.equal(formatWait(30), 'in 30 seconds');
  assert.equal(formatWait(121), 'in 3 minutes');
});

test('a time that cannot be read is shown as it came', () => {
  assert.equal(formatTime('soon'), 'soon');
  assert.match(formatTime('2026-11-22T10:15:00Z'), /2[12345] Nov 2026/);
});

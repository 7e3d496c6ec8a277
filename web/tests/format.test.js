import assert from 'node:assert/strict';
import test from 'node:test';

import {
  formatBytes,
  formatDimensions,
  formatMediaTypes,
  formatShare,
  formatSizeAgainstLimit,
  formatSpeed,
  formatTime,
  formatTimeLeft,
  formatWait,
} from '../public/lib/format.js';
import { speak } from './support/texts.js';

await speak('en');

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

test('a speed and the time that is left are rounded to what one can read while they change', () => {
  assert.equal(plain(formatSpeed(1_258_291.2)), '1.2 MB/s');
  assert.equal(plain(formatSpeed(99.6)), '100 bytes/s');
  assert.equal(formatTimeLeft(0.2), '1 second left');
  assert.equal(formatTimeLeft(5.1), '6 seconds left');
  assert.equal(formatTimeLeft(89), '89 seconds left');
  assert.equal(formatTimeLeft(90), '2 minutes left');
});

test('a share is never told as more than it is', () => {
  assert.equal(formatShare(0.999), '99%');
  assert.equal(formatShare(1), '100%');
});

test('in German numbers, units, dates, lists and waits are German', async () => {
  await speak('de');
  assert.equal(plain(formatBytes(1536)), '1,5 KB');
  assert.equal(plain(formatBytes(1)), '1 Byte');
  assert.deepEqual(formatSizeAgainstLimit(1_048_577, 1_048_576).map(plain), ['1.048.577 Byte', '1.048.576 Byte']);
  assert.match(formatTime('2026-11-22T10:15:00Z'), /^2[123]\.11\.2026, \d\d:15$/);
  assert.equal(formatMediaTypes(['image/jpeg', 'image/png', 'image/gif']), 'JPEG, PNG oder GIF');
  assert.equal(formatWait(1), 'in einer Sekunde');
  assert.equal(formatWait(90), 'in 2 Minuten');
  assert.equal(formatTimeLeft(3), 'noch 3 Sekunden');
  assert.equal(plain(formatShare(0.42)), '42 %');
  await speak('en');
});

test('the person’s own region decides within the language', async () => {
  const time = '2026-11-22T10:15:00Z';
  await speak('en', ['de-DE', 'en-US']);
  assert.match(formatTime(time), /^Nov 2[123], 2026/);
  await speak('en', ['de-DE']);
  assert.match(formatTime(time), /^2[123] Nov 2026/, 'the catalogue’s own, without one');
  await speak('de', ['en-US', 'de-CH']);
  // Which apostrophe, Unicode’s data has changed its mind about.
  assert.match(plain(formatSizeAgainstLimit(1_048_577, 1_048_576)[0]), /^1['’]048['’]577 Byte$/);
  await speak('en');
});

test('formatters are made once per language', async (context) => {
  await speak('de');
  const make = context.mock.method(Intl, 'DateTimeFormat');
  const times = () => Array.from({ length: 50 }, (_, second) => formatTime(new Date(second * 1000).toISOString()));
  times();
  assert.ok(make.mock.callCount() <= 1);
  await speak('en');
  times();
  assert.ok(make.mock.callCount() <= 2);
});

import assert from 'node:assert/strict';
import test from 'node:test';

import { fileObjection } from '../public/lib/restrict-files.js';
import { altObjection, tidyText, uploadKeyObjection, uploaderObjection } from '../public/lib/restrict.js';
import { speak } from './support/texts.js';

await speak('en');

const limits = {
  max_upload_bytes: 1000,
  media_types: [
    { media_type: 'image/jpeg', extensions: ['jpg', 'jpeg'] },
    { media_type: 'image/png', extensions: ['png'] },
  ],
  max_uploader_characters: 5,
  max_alt_characters: 8,
};
const file = (name, type, size = 10) => ({ name, type, size });

for (const [accepted, why] of [
  [file('a.png', 'image/png'), 'type and name fit'],
  [file('a', 'image/jpeg'), 'the type is enough'],
  [file('A.JPEG', ''), 'the name is enough where the system knows no type'],
  [file('a.jpg', 'image/pjpeg'), 'an old type does not matter when the name fits'],
  [file('a.png', 'image/png', 1000), 'exactly the limit is allowed'],
]) {
  test(`accepts ${JSON.stringify(accepted)}: ${why}`, () => {
    assert.equal(fileObjection(accepted, limits), null);
  });
}

for (const [refused, words, why] of [
  [file('a.txt', 'text/plain'), /“a\.txt”.*JPEG or PNG/, 'the type is not in the list'],
  [file('a.heic', 'image/heic'), /“a\.heic” is a HEIC photo.*Most Compatible/, 'it is told what to do'],
  [file('apng', ''), /not an image/, 'an extension needs its dot'],
  [file('a.png', 'image/png', 1001), /“a\.png” is too large.*1001\sbytes.*1000\sbytes/, 'one byte too many'],
  [file('a.png', 'image/png', 0), /empty/, 'nothing in it'],
  [file('a.tiff', 'image/tiff', 5000), /is a TIFF image/, 'a smaller TIFF would not help either'],
]) {
  test(`refuses ${JSON.stringify(refused)}: ${why}`, () => {
    assert.match(fileObjection(refused, limits), words);
  });
}

test('without limits only the server decides on type and size', () => {
  assert.equal(fileObjection(file('a.tiff', 'image/tiff', 9_999_999), null), null);
  assert.equal(uploaderObjection('a long long name', null), null);
  assert.notEqual(uploaderObjection('', null), null);
});

test('names and descriptions are counted in characters, as the server counts', () => {
  assert.equal(uploaderObjection('🦀🦀🦀🦀🦀', limits), null);
  assert.match(uploaderObjection('🦀🦀🦀🦀🦀🦀', limits), /6 characters.*5/);
  assert.equal(altObjection('', limits), null);
  assert.match(altObjection('123456789', limits), /9 characters.*8/);
});

test('an upload key is any visible ASCII, of whatever length', () => {
  for (const key of ['k', '962f56cc579b7b92', '!~']) {
    assert.equal(uploadKeyObjection(key), null, key);
  }
  assert.match(uploadKeyObjection(''), /^Write your upload key/);
});

for (const key of ['Bearer 962f56cc', 'a\tb', 'clé', 'a\nb', 'key…', '\u200b962f56cc']) {
  test(`${JSON.stringify(key)} is no upload key, and the objection does not repeat it`, () => {
    assert.match(uploadKeyObjection(key), /cannot be an upload key/);
    assert.doesNotMatch(uploadKeyObjection(key), new RegExp(key));
  });
}

test('text is trimmed and composed', () => {
  assert.equal(tidyText('  Zoe\u0308 \n'), 'Zo\u00eb');
  assert.equal(tidyText(' \t '), '');
});

test('in German objections are German', async () => {
  await speak('de');
  assert.match(fileObjection(file('a.png', 'image/png', 1001), limits), /^„a\.png“ ist zu groß: .*1001\sByte.*1000\sByte/);
  assert.match(fileObjection(file('a.txt', 'text/plain'), limits), /JPEG oder PNG\.$/);
  assert.match(altObjection('123456789', limits), /9 Zeichen.*auf 8/);
  await speak('en');
});

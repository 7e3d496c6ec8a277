import assert from 'node:assert/strict';
import test from 'node:test';

import { searchLargest } from '../public/lib/shrink/search.js';

const MAX = 1_000_000;

/** Remembers what it was asked for. `bytes` is how the encoder behaves. */
function encoder(bytes) {
  const asked = [];
  return {
    asked,
    encode(scale, quality) {
      const made = { size: Math.round(bytes(scale, quality, asked.length)) };
      asked.push({ scale, quality, size: made.size });
      return Promise.resolve(made);
    },
  };
}

/** As JPEG does: bytes grow with the area, and ever faster with the quality. */
const photo = (full) => (scale, quality) => full * scale ** 1.9 * ((1.02 - 0.92) / (1.02 - quality)) ** 0.7;

async function search(bytes, options = {}) {
  const { encode, asked } = encoder(bytes);
  const found = await searchLargest(encode, { maxBytes: MAX, ...options });
  return { found, asked };
}

test('what fits at once is taken as it is', async () => {
  const { found, asked } = await search(photo(0.9 * MAX));
  assert.deepEqual([found.scale, found.quality, asked.length], [1, 0.92, 1]);
});

test('exactly the limit fits', async () => {
  const { found, asked } = await search(() => MAX);
  assert.deepEqual([found.made.size, found.scale, asked.length], [MAX, 1, 1]);
});

test('one byte too many does not', async () => {
  const { found } = await search((scale, quality) => (quality === 0.92 ? MAX + 1 : MAX));
  assert.deepEqual([found.scale, found.quality, found.made.size], [1, 0.8, MAX]);
});

test('a photo a little too large keeps its size and as much quality as fits', async () => {
  const { found, asked } = await search(photo(1.2 * MAX));
  assert.equal(found.scale, 1);
  assert.ok(found.quality > 0.83 && found.quality < 0.92, `${found.quality}`);
  assert.ok(found.made.size > 0.93 * MAX && found.made.size <= MAX, `${found.made.size}`);
  assert.ok(asked.length <= 6);
});

for (const times of [2, 3, 8, 20, 100, 1000]) {
  test(`a photo ${times} times too large gets smaller, and fills the limit in few tries`, async () => {
    const { found, asked } = await search(photo(times * MAX));
    assert.ok(found.scale < 1);
    assert.equal(found.quality, 0.8);
    assert.ok(found.made.size > 0.9 * MAX && found.made.size <= MAX, `${found.made.size}`);
    assert.ok(asked.length <= 7, `${asked.length} tries`);
  });
}

for (const [what, power] of [['flat', 0.9], ['steep', 2.8]]) {
  test(`an encoder whose bytes grow ${what} is met, too`, async () => {
    const { found, asked } = await search((scale) => 9 * MAX * scale ** power);
    assert.ok(found.made.size > 0.85 * MAX && found.made.size <= MAX, `${found.made.size}`);
    assert.ok(asked.length <= 10);
  });
}

test('quality is left alone where it makes no difference', async () => {
  const { found, asked } = await search((scale) => 5 * MAX * scale ** 2, { lossless: true });
  assert.ok(found.made.size > 0.9 * MAX && found.made.size <= MAX);
  assert.deepEqual([...new Set(asked.map(({ quality }) => quality))], [0.92]);
});

test('an encoder that goes up and down is given what it made, not what was hoped for', async () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const wave = (scale, quality) => 1 + 0.3 * Math.sin(seed * 7 + scale * 97 + quality * 31);
    const { found, asked } = await search((scale, quality) => photo(6 * MAX)(scale, quality) * wave(scale, quality));
    assert.ok(asked.length <= 10, `${asked.length} tries with seed ${seed}`);
    assert.ok(found.made.size <= MAX, `seed ${seed}`);
    const made = asked.find(({ scale, quality }) => scale === found.scale && quality === found.quality);
    assert.equal(made.size, found.made.size);
    const better = asked.filter(({ scale, size }) => size <= MAX && scale > found.scale);
    assert.deepEqual(better, [], 'the largest of those that fit');
  }
});

test('it never enlarges, nor beyond what pixels are allowed', async () => {
  for (const maxScale of [1, 0.4]) {
    for (const times of [0.001, 1, 5]) {
      const { asked } = await search(photo(times * MAX), { maxScale });
      assert.ok(asked.every(({ scale }) => scale <= maxScale));
    }
  }
});

test('a limit that cannot be reached is told, after few tries and having tried the least', async () => {
  for (const bytes of [() => 2 * MAX, (scale) => MAX * (1.1 + scale)]) {
    const { found, asked } = await search(bytes, { minScale: 0.05 });
    assert.equal(found, null);
    assert.ok(asked.length <= 10, `${asked.length}`);
    assert.ok(asked.some(({ scale }) => scale === 0.05));
    assert.ok(asked.every(({ scale }) => scale >= 0.05));
  }
});

test('what fits only at the very least is found', async () => {
  const { found } = await search((scale) => (scale <= 0.05 ? 10 : 50 * MAX), { minScale: 0.05 });
  assert.equal(found.scale, 0.05);
});

test('an encoder that fails ends the search', async () => {
  const broken = () => Promise.reject(new Error('canvas'));
  await assert.rejects(searchLargest(broken, { maxBytes: MAX }), /canvas/);
});

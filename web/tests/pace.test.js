import assert from 'node:assert/strict';
import test from 'node:test';

import { Pace } from '../public/lib/pace.js';

function clock() {
  const time = { ms: 1000 };
  return { time, pace: new Pace(() => time.ms) };
}

/** So many bytes every half second. */
function run({ time, pace }, halfSeconds, bytes) {
  for (let turn = 0; turn < halfSeconds; turn += 1) {
    time.ms += 500;
    pace.add(bytes);
  }
}

test('nothing is said before there is enough to say it of', () => {
  const { time, pace } = clock();
  assert.equal(pace.bytesPerSecond, null);
  pace.add(0);
  time.ms += 1499;
  pace.add(5000);
  assert.equal(pace.bytesPerSecond, null);
  assert.equal(pace.secondsFor(100), null);
});

test('it is the speed of the last seconds', () => {
  const parts = clock();
  parts.pace.add(0);
  run(parts, 20, 500);
  assert.equal(parts.pace.bytesPerSecond, 1000);
  assert.equal(parts.pace.secondsFor(5000), 5);
  run(parts, 20, 50);
  assert.equal(parts.pace.bytesPerSecond, 100, 'what was long ago does not count');
});

test('one burst does not make it jump', () => {
  const parts = clock();
  parts.pace.add(0);
  run(parts, 12, 500);
  parts.pace.add(500);
  assert.ok(parts.pace.bytesPerSecond < 1200);
});

test('while nothing moves it falls, and is unknown after a while', () => {
  const parts = clock();
  parts.pace.add(0);
  run(parts, 4, 500);
  const before = parts.pace.bytesPerSecond;
  parts.time.ms += 5999;
  assert.ok(parts.pace.bytesPerSecond < before / 2);
  parts.time.ms += 1;
  assert.equal(parts.pace.bytesPerSecond, null);
  assert.equal(parts.pace.secondsFor(5000), null, 'nobody promises an end');
  run(parts, 1, 500);
  assert.ok(parts.pace.bytesPerSecond < before, 'and it comes back slowly');
});

test('what has only begun has no speed', () => {
  const { time, pace } = clock();
  pace.add(0);
  time.ms += 3000;
  assert.equal(pace.bytesPerSecond, null);
});

test('a rest is not counted', () => {
  const parts = clock();
  parts.pace.add(0);
  run(parts, 4, 500);
  parts.pace.rest();
  assert.equal(parts.pace.bytesPerSecond, null);
  parts.pace.add(0);
  parts.time.ms += 2000;
  assert.equal(parts.pace.bytesPerSecond, null, 'what has begun since has moved nothing');
  parts.pace.rest();
  parts.time.ms += 60_000;
  parts.pace.add(0);
  run(parts, 4, 500);
  assert.equal(parts.pace.bytesPerSecond, 1000);
});

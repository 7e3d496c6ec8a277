import assert from 'node:assert/strict';
import test from 'node:test';

import { Hold } from '../public/lib/hold.js';

/** With timers that come when the test says so. */
function bench() {
  const parts = { time: 1000, timers: [], ends: 0 };
  const later = (action, ms) => {
    const timer = { action, ms };
    parts.timers.push(timer);
    return () => parts.timers.splice(parts.timers.indexOf(timer), 1);
  };
  parts.hold = new Hold({ now: () => parts.time, later }, () => {
    parts.ends += 1;
  });
  parts.fire = () => parts.timers.shift().action();
  return parts;
}

test('it is off until it is wanted, and ends once', () => {
  const parts = bench();
  assert.equal(parts.hold.isOn, false);
  parts.hold.extend(6000.5);
  assert.deepEqual([parts.hold.isOn, parts.timers.map(({ ms }) => ms)], [true, [5001]]);
  parts.time = 6001;
  parts.fire();
  assert.deepEqual([parts.hold.isOn, parts.ends, parts.timers.length], [false, 1, 0]);
});

test('the longest counts, in whatever order they are told', () => {
  const parts = bench();
  parts.hold.extend(3000);
  parts.hold.extend(9000);
  parts.hold.extend(5000);
  assert.deepEqual(parts.timers.map(({ ms }) => ms), [8000]);
});

test('a timer that comes early does not end it', () => {
  const parts = bench();
  parts.hold.extend(2000);
  parts.time = 1999.9;
  parts.fire();
  assert.deepEqual([parts.ends, parts.timers.map(({ ms }) => ms)], [0, [1]]);
  parts.time = 2000;
  parts.fire();
  assert.equal(parts.ends, 1);
});

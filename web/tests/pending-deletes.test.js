import assert from 'node:assert/strict';
import test from 'node:test';

import { PendingDeletes } from '../public/lib/pending-deletes.js';

/** Time passes only when it is told to. */
function world() {
  let time = 0;
  let timers = [];
  const sent = [];
  const shown = [];
  const pending = new PendingDeletes({
    send: (images) => sent.push(images.map(({ id }) => id).join('')),
    onChange: () => shown.push(pending.count === 0 ? '-' : `${pending.count}:${pending.secondsLeft}`),
    now: () => time,
    later(action, ms) {
      const timer = { action, at: time + ms };
      timers.push(timer);
      return () => {
        timers = timers.filter((each) => each !== timer);
      };
    },
  });
  function pass(ms) {
    const end = time + ms;
    for (;;) {
      const [next] = timers.filter(({ at }) => at <= end).sort((one, other) => one.at - other.at);
      if (next === undefined) {
        break;
      }
      timers = timers.filter((each) => each !== next);
      time = next.at;
      next.action();
    }
    time = end;
  }
  const idle = () => timers.length === 0;
  return { pending, sent, shown, pass, idle, images: (ids) => [...ids].map((id) => ({ id })) };
}

test('nothing is sent before ten seconds are over, and each of them is shown once', () => {
  const { pending, sent, shown, pass, idle, images } = world();
  pending.add(images('ab'));
  pass(9999);
  assert.deepEqual(sent, []);
  assert.deepEqual(shown, ['2:10', '2:9', '2:8', '2:7', '2:6', '2:5', '2:4', '2:3', '2:2', '2:1']);
  pass(1);
  assert.deepEqual(sent, ['ab']);
  assert.equal(shown.at(-1), '-');
  assert.ok(idle());
});

test('what is undone is given back and never sent', () => {
  const { pending, sent, pass, idle, images } = world();
  pending.add(images('ab'));
  pass(9000);
  assert.deepEqual(pending.undo(), images('ab'));
  assert.equal(pending.count, 0);
  assert.ok(idle());
  pass(60_000);
  pending.sendNow();
  assert.deepEqual(sent, []);
});

test('another delete goes with what is there, each image once, and the time begins anew', () => {
  const { pending, sent, pass, images } = world();
  pending.add(images('a'));
  pass(9000);
  pending.add(images('ab'));
  assert.equal(pending.count, 2);
  assert.equal(pending.secondsLeft, 10);
  pass(9999);
  assert.deepEqual(sent, []);
  pass(1);
  assert.deepEqual(sent, ['ab']);
});

test('the time stands still while it is paused, and goes on where it was', () => {
  const { pending, sent, pass, images } = world();
  pending.add(images('a'));
  pass(7400);
  pending.pause();
  pass(600_000);
  assert.equal(pending.secondsLeft, 3);
  assert.deepEqual(sent, []);
  pending.resume();
  pending.resume();
  pass(2599);
  assert.deepEqual(sent, []);
  pass(1);
  assert.deepEqual(sent, ['a']);
});

test('what is added while the time stands still waits with the rest', () => {
  const { pending, sent, pass, images } = world();
  pending.add(images('a'));
  pass(5000);
  pending.pause();
  pending.add(images('b'));
  pass(600_000);
  assert.equal(pending.secondsLeft, 10);
  pending.resume();
  pass(10_000);
  assert.deepEqual(sent, ['ab']);
});

test('the next batch runs by itself, however the one before ended', () => {
  const { pending, sent, pass, images } = world();
  pending.add(images('a'));
  pending.pause();
  pending.undo();
  // The pointer may be said to leave a bar that is no longer there.
  pending.resume();
  pending.add(images('b'));
  pass(10_000);
  assert.deepEqual(sent, ['b']);
});

test('leaving the page sends what is waiting, also while the time stands still, and once', () => {
  const { pending, sent, pass, images } = world();
  pending.add(images('ab'));
  pending.pause();
  pending.sendNow();
  pending.sendNow();
  pass(60_000);
  assert.deepEqual(sent, ['ab']);
});

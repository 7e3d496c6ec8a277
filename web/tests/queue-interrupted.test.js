import assert from 'node:assert/strict';
import test from 'node:test';

import { QueueBench as Bench, SENDER } from './support/queue-bench.js';

test('too many requests of one hold the others back, also when that one is cancelled', async () => {
  for (const code of ['rate-limited', 'uploads-busy']) {
    const bench = new Bench();
    const [first] = bench.start('a', 'b', 'c', 'd');
    await bench.sendOf('a').fail(code, { status: 429, retryAfter: 10 });
    await bench.sendOf('b').answer();
    assert.deepEqual(bench.sent, ['a', 'b', 'c'], 'd waits too');
    bench.queue.cancel(first.id);
    bench.pass(9999);
    assert.deepEqual(bench.sent, ['a', 'b', 'c']);
    bench.pass(1001);
    assert.deepEqual(bench.sent, ['a', 'b', 'c', 'd']);
  }
});

test('who insists on one need not wait for what holds the others back', async () => {
  const bench = new Bench();
  const [first] = bench.start('a', 'b', 'c', 'd', 'e');
  await bench.sendOf('a').fail('rate-limited', { status: 429, retryAfter: 10 });
  await bench.sendOf('b').answer();
  bench.queue.retry(first.id, SENDER);
  assert.deepEqual(bench.sent, ['a', 'b', 'c', 'a'], 'd and e still wait');
  await bench.sendOf('c').answer();
  assert.deepEqual(bench.sent, ['a', 'b', 'c', 'a']);
  bench.pass(11_000);
  assert.deepEqual(bench.sent, ['a', 'b', 'c', 'a', 'd', 'e']);
});

test('who is told to wait again, waits again', async () => {
  const bench = new Bench();
  const [first] = bench.start('a', 'b', 'c', 'd');
  await bench.sendOf('a').fail('uploads-busy', { status: 503, retryAfter: 10 });
  await bench.sendOf('b').answer();
  bench.queue.retry(first.id, SENDER);
  await bench.sendOf('a').fail('uploads-busy', { status: 503, retryAfter: 30 });
  bench.pass(29_999);
  assert.deepEqual(bench.sent, ['a', 'b', 'c', 'a']);
  bench.pass(1001);
  assert.deepEqual(bench.sent.slice(4).sort(), ['a', 'd']);
});

test('a refused upload key fails all that would come after, each once', async () => {
  const bench = new Bench();
  bench.start('a', 'b', 'c', 'd', 'e');
  await bench.sendOf('a').fail('upload-key-wrong', { status: 403 });
  assert.deepEqual(bench.states, ['failed', 'sending', 'sending', 'failed', 'failed']);
  assert.equal(bench.queue.uploads[4].failure.code, 'upload-key-wrong');
  assert.equal(bench.sends.length, 3);
});

test('a refusal that comes late says nothing of those that go with another upload key', async () => {
  const bench = new Bench();
  const [first] = bench.start('a', 'b', 'c', 'd');
  await bench.sendOf('a').fail('upload-key-wrong', { status: 403 });
  bench.queue.retry(first.id, { ...SENDER, uploadKey: 'right' });
  bench.queue.retry(bench.queue.uploads[3].id, { ...SENDER, uploadKey: 'right' });
  assert.deepEqual(bench.states, ['sending', 'sending', 'sending', 'queued']);
  await bench.sendOf('b').fail('upload-key-wrong', { status: 403 });
  assert.deepEqual(bench.states, ['sending', 'failed', 'sending', 'sending']);
  assert.equal(bench.sendOf('d').uploadKey, 'right');
});

test('cancelling ends one, and lets the next one go', async () => {
  const bench = new Bench();
  const [first, , , last] = bench.start('a', 'b', 'c', 'd');
  const send = bench.sendOf('a');
  send.onSent();
  bench.queue.cancel(first.id);
  assert.equal(send.signal.aborted, true);
  assert.deepEqual([first.state, first.failure.code, first.failure.sent], ['cancelled', 'cancelled', true]);
  assert.equal(last.state, 'sending');
  await send.answer();
  send.onProgress(3);
  assert.deepEqual([first.state, first.image, first.sentBytes], ['cancelled', null, 0], 'what comes late changes nothing');
});

test('cancelling all ends those that wait, too', async () => {
  const bench = new Bench();
  bench.start('a', 'b', 'c', 'd', 'e');
  await bench.sendOf('a').fail('network');
  await bench.sendOf('b').answer();
  bench.add('f');
  bench.queue.cancelAll();
  assert.deepEqual(bench.states, ['cancelled', 'done', 'cancelled', 'cancelled', 'cancelled', 'ready']);
  bench.pass(1_000_000);
  assert.equal(bench.sent.length, 5);
});

test('a cancelled one can be sent again', () => {
  const bench = new Bench();
  const [upload] = bench.start('a');
  const { key } = bench.sendOf('a');
  bench.queue.cancel(upload.id);
  bench.queue.retry(upload.id, SENDER);
  assert.deepEqual([upload.state, upload.failure, bench.sendOf('a').key === key], ['sending', null, true]);
});

test('what is removed is off its way, and nothing brings it back', async () => {
  const bench = new Bench();
  const [first, second] = bench.start('a', 'b');
  const send = bench.sendOf('a');
  bench.queue.remove(first.id);
  assert.equal(send.signal.aborted, true);
  await send.answer();
  await bench.sendOf('b').fail('network');
  bench.queue.remove(second.id);
  bench.pass(1_000_000);
  bench.queue.retry(first.id, SENDER);
  bench.queue.describe(first.id, 'late');
  bench.queue.replaceFile(first.id, first.chosen);
  bench.queue.cancel(first.id);
  assert.deepEqual([bench.queue.uploads, bench.sends.length], [[], 2]);
});

test('while the connection is away nothing is started, and what breaks off is not counted as a try', async () => {
  const bench = new Bench();
  const [first] = bench.start('a', 'b', 'c', 'd');
  bench.online = false;
  for (let turn = 0; turn < 10; turn += 1) {
    await bench.sendOf('a').fail('network');
    assert.deepEqual([first.state, bench.totals.paused], ['queued', true]);
    bench.queue.resume();
  }
  bench.queue.pause();
  await bench.sendOf('a').fail('network');
  await bench.sendOf('b').answer();
  const before = bench.sends.length;
  bench.pass(1_000_000);
  assert.equal(bench.sends.length, before);
  bench.online = true;
  bench.queue.resume();
  assert.deepEqual([bench.states, bench.totals.paused], [['sending', 'done', 'sending', 'sending'], false]);
});

test('what waits to be tried again goes as soon as the connection is back, unless the server named a time', async () => {
  const bench = new Bench();
  bench.start('a', 'b');
  await bench.sendOf('a').fail('network');
  await bench.sendOf('b').fail('database-unavailable', { status: 503, retryAfter: 60 });
  bench.queue.pause();
  bench.queue.resume();
  assert.deepEqual(bench.states, ['sending', 'waiting']);
});

test('a retry that falls into a time without connection waits for it', async () => {
  const bench = new Bench();
  bench.start('a');
  await bench.sendOf('a').fail('network');
  bench.queue.pause();
  bench.pass(60_000);
  assert.deepEqual([bench.states, bench.sends.length], [['queued'], 1]);
});

test('what broke off just before the connection was known to be away waits for it, and is not counted', async () => {
  const bench = new Bench();
  const [first, second] = bench.start('a', 'b');
  await bench.sendOf('b').fail('timeout');
  for (let turn = 0; turn < 10; turn += 1) {
    await bench.sendOf('a').fail('network');
    assert.equal(first.state, 'waiting');
    bench.queue.pause();
    assert.deepEqual([first.state, first.retryAt, second.state], ['queued', null, turn === 0 ? 'waiting' : 'sending']);
    bench.queue.resume();
    assert.equal(first.state, 'sending');
  }
});

test('a browser that is wrong about the connection does not stop who insists', () => {
  const bench = new Bench();
  bench.online = false;
  bench.queue.pause();
  bench.start('a');
  assert.deepEqual(bench.states, ['sending']);
});

test('after 15 seconds without movement it says so, and goes on', () => {
  const bench = new Bench();
  const [upload] = bench.start('a');
  bench.pass(14_999);
  bench.sendOf('a').onProgress(1);
  bench.pass(14_999);
  assert.equal(upload.stalled, false);
  bench.pass(1);
  assert.deepEqual([upload.stalled, upload.state], [true, 'sending']);
  bench.sendOf('a').onProgress(2);
  assert.equal(upload.stalled, false);
  bench.sendOf('a').onSent();
  bench.pass(1_000_000);
  assert.equal(upload.stalled, false, 'nothing has to move any more');
});

test('a line that stands still has no speed', () => {
  const bench = new Bench();
  bench.start('a');
  bench.pass(2000);
  bench.sendOf('a').onProgress(4);
  assert.equal(bench.totals.bytesPerSecond, 2);
  bench.pass(15_000);
  assert.deepEqual([bench.queue.uploads[0].stalled, bench.totals.bytesPerSecond, bench.totals.secondsLeft], [true, null, null]);
});

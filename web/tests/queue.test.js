import assert from 'node:assert/strict';
import test from 'node:test';

import { QueueBench as Bench, SENDER } from './support/queue-bench.js';

test('chosen files are judged, and again when the limits are known', () => {
  const bench = new Bench();
  bench.limit = 5;
  const [upload] = bench.add('a');
  assert.deepEqual([upload.state, upload.objection], ['refused', 'a is too large']);
  bench.queue.send(SENDER);
  assert.deepEqual(bench.sent, []);
  bench.limit = 50;
  bench.queue.judgeAgain();
  assert.deepEqual([upload.state, upload.objection], ['ready', null]);
});

test('three are sent at the same time, in the order of choosing', async () => {
  const bench = new Bench();
  bench.start('a', 'b', 'c', 'd', 'e');
  assert.deepEqual(bench.sent, ['a', 'b', 'c']);
  assert.deepEqual(bench.states, ['sending', 'sending', 'sending', 'queued', 'queued']);
  bench.sendOf('b').onSent();
  assert.deepEqual(bench.sent, ['a', 'b', 'c'], 'what is being saved keeps its place');
  await bench.sendOf('b').answer();
  assert.deepEqual(bench.sent, ['a', 'b', 'c', 'd']);
  await bench.sendOf('a').fail('media-type-unsupported', { status: 415 });
  assert.deepEqual(bench.sent, ['a', 'b', 'c', 'd', 'e']);
  assert.deepEqual(bench.states, ['failed', 'done', 'sending', 'sending', 'sending']);
});

test('an upload goes from ready to its image', async () => {
  const bench = new Bench();
  const [upload] = bench.start('a');
  bench.sendOf('a').onProgress(4);
  assert.equal(upload.sentBytes, 4);
  bench.sendOf('a').onSent();
  assert.deepEqual([upload.state, upload.sentBytes], ['saving', 10]);
  await bench.sendOf('a').answer({ id: 'image-1' });
  assert.deepEqual(upload.image, { id: 'image-1' });
  assert.deepEqual([...new Set(bench.changes)], ['a ready', 'a queued', 'a sending', 'a saving', 'a done']);
});

test('who uploads and the upload key go along', () => {
  const bench = new Bench();
  const [upload] = bench.add('a');
  bench.queue.describe(upload.id, 'A cat');
  bench.queue.send({ uploader: 'Grace', uploadKey: 'of-grace' });
  const { uploader, uploadKey } = bench.sendOf('a');
  assert.deepEqual([uploader, uploadKey, upload.alt], ['Grace', 'of-grace', 'A cat']);
});

test('files that are added meanwhile wait until they are sent', () => {
  const bench = new Bench();
  bench.start('a');
  bench.add('b');
  assert.deepEqual([bench.sent, bench.states], [['a'], ['sending', 'ready']]);
  bench.queue.send(SENDER);
  assert.deepEqual(bench.sent, ['a', 'b']);
});

test('a broken connection is tried again by itself, later and later, under the same key', async () => {
  const bench = new Bench();
  const [upload] = bench.start('a');
  const { key } = bench.sendOf('a');
  let last = 0;
  for (let retry = 1; retry <= 5; retry += 1) {
    await bench.sendOf('a').fail('network');
    assert.equal(upload.state, 'waiting');
    const wait = upload.retryAt - bench.time;
    assert.ok(wait >= last / 2, `${wait} after ${last}`);
    last = wait;
    bench.pass(wait - 1);
    assert.equal(bench.sends.length, retry);
    bench.pass(1);
    assert.equal(bench.sends.length, retry + 1);
    assert.equal(bench.sendOf('a').key, key);
  }
  await bench.sendOf('a').fail('network');
  assert.equal(upload.state, 'failed', 'then it is for the person to say');
  bench.pass(1_000_000);
  assert.equal(bench.sends.length, 6);

  bench.queue.retry(upload.id, SENDER);
  assert.equal(bench.sendOf('a').key, key);
  await bench.sendOf('a').fail('network');
  assert.equal(upload.state, 'waiting', 'and counts anew');
});

test('it comes back when the server said, not before', async () => {
  const bench = new Bench();
  const [upload] = bench.start('a');
  await bench.sendOf('a').fail('database-unavailable', { status: 503, retryAfter: 7 });
  bench.pass(6999);
  assert.equal(upload.state, 'waiting');
  bench.pass(1001);
  assert.equal(upload.state, 'sending');
});

test('a refusal is final until the person says otherwise', async () => {
  const bench = new Bench();
  const [upload] = bench.start('a');
  await bench.sendOf('a').fail('file-too-large', { status: 413 });
  bench.pass(1_000_000);
  assert.deepEqual([upload.state, upload.failure.code, bench.sends.length], ['failed', 'file-too-large', 1]);
});

test('a bug of the page is a failure too', async (t) => {
  t.mock.method(console, 'error', () => {});
  const bench = new Bench();
  const [upload] = bench.start('a');
  await bench.sendOf('a').answer(Promise.reject(new TypeError('bug')));
  assert.deepEqual([upload.state, upload.failure.code], ['failed', 'page-error']);
});

test('another description, another file or a spent key is another submission', async () => {
  const bench = new Bench();
  const [upload] = bench.start('a');
  const keys = [];
  const failAndRetry = async (code, sender = SENDER) => {
    keys.push(bench.sendOf(upload.file.name).key);
    await bench.sendOf(upload.file.name).fail(code, { status: 422 });
    return () => bench.queue.retry(upload.id, sender);
  };
  const described = await failAndRetry('image-malformed');
  bench.queue.describe(upload.id, 'A cat');
  described();
  (await failAndRetry('idempotency-key-spent'))();
  (await failAndRetry('image-malformed', { ...SENDER, uploader: 'Grace' }))();
  const replaced = await failAndRetry('image-malformed', SENDER);
  bench.queue.replaceFile(upload.id, new File(['0'], 'a.jpg'));
  assert.equal(upload.state, 'ready');
  replaced();
  assert.equal(bench.sends.length, 4, 'what is ready goes with the others');
  bench.queue.send(SENDER);
  keys.push(bench.sendOf('a.jpg').key);
  assert.equal(new Set(keys).size, 5);
});

test('only what is at rest gets another file', () => {
  const bench = new Bench();
  bench.limit = 5;
  const [upload] = bench.add('a');
  const smaller = new File(['0'], 'a.jpg');
  bench.queue.replaceFile(upload.id, smaller);
  assert.deepEqual([upload.state, upload.file, upload.chosen.name], ['ready', smaller, 'a']);
  bench.queue.send(SENDER);
  bench.queue.replaceFile(upload.id, upload.chosen);
  assert.equal(upload.file, smaller);
  bench.queue.cancel(upload.id);
  bench.queue.replaceFile(upload.id, upload.chosen);
  assert.deepEqual([upload.state, upload.failure], ['refused', null]);
});

test('the totals are of what was started', async () => {
  const bench = new Bench();
  bench.limit = 15;
  bench.start('a', 'b', 'c', 'd', 'e');
  bench.add('f');
  bench.queue.add([new File(['a file that is too large'], 'g')]);
  await bench.sendOf('a').answer();
  await bench.sendOf('b').fail('image-malformed', { status: 422 });
  await bench.sendOf('c').fail('network');
  bench.sendOf('d').onProgress(5);
  bench.time += 2000;
  bench.sendOf('e').onSent();
  const { bytesPerSecond, secondsLeft, ...counts } = bench.totals;
  assert.deepEqual(counts, { count: 5, ready: 1, queued: 1, active: 2, failed: 1, done: 1, bytes: 50, sentBytes: 25, paused: false });
  assert.equal(bytesPerSecond, 7.5);
  assert.equal(secondsLeft, 2, '15 bytes are owed: 10 of c, 5 of d');
});

test('there is something to lose until everything is sent or given up', async () => {
  const bench = new Bench();
  assert.equal(bench.queue.isBusy, false);
  const [first, second] = bench.add('a', 'b');
  assert.equal(bench.queue.isBusy, true);
  bench.queue.send(SENDER);
  await bench.sendOf('a').answer();
  await bench.sendOf('b').fail('disk-full', { status: 507 });
  assert.equal(bench.queue.isBusy, true);
  bench.queue.remove(second.id);
  assert.deepEqual([bench.queue.isBusy, first.state], [false, 'done']);
});

import assert from 'node:assert/strict';
import test from 'node:test';

import { Failure } from '../public/lib/failure.js';
import { waitBefore, watchUntilStored } from '../public/lib/watch.js';

const image = (s3, record) => ({ id: 'id-1', storage: { local: 'stored', s3, record } });

/** A clock that runs as fast as the answers come, up to `turns` turns. */
async function follow(first, answers, { turns = answers.length } = {}) {
  const seen = { waits: [], changes: [], deleted: 0 };
  let next = null;
  const stop = watchUntilStored(first, {
    find: () => {
      const answer = answers.shift();
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
    onChange: ({ storage }) => seen.changes.push(`${storage.s3} ${storage.record}`),
    onDeleted: () => {
      seen.deleted += 1;
    },
    later: (action, ms) => {
      seen.waits.push(ms);
      next = action;
    },
  });
  for (let turn = 0; turn < turns && next !== null; turn += 1) {
    const action = next;
    next = null;
    await action();
  }
  return { ...seen, ended: next === null, next, stop };
}

test('it asks after 1, 2, 4, 8, 16 and then every 30 seconds', () => {
  assert.deepEqual([0, 1, 2, 3, 4, 5, 6, 2000].map(waitBefore), [1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]);
});

test('an image that is stored is not asked for', async () => {
  const { waits } = await follow(image('stored', 'stored'), []);
  assert.deepEqual(waits, []);
});

test('it tells each change once and ends when nothing is owed', async () => {
  const { changes, waits, ended } = await follow(image('pending', 'pending'), [
    image('pending', 'pending'),
    image('stored', 'pending'),
    image('stored', 'pending'),
    image('stored', 'stored'),
  ]);
  assert.deepEqual(changes, ['stored pending', 'stored stored']);
  assert.deepEqual(waits, [1000, 2000, 4000, 8000]);
  assert.equal(ended, true);
});

test('it waits out failures, a 404 of a host that does not know it yet too', async () => {
  const { changes, ended } = await follow(image('pending', 'stored'), [
    new Failure('network'),
    new Failure('image-not-found', { status: 404 }),
    image('stored', 'stored'),
  ]);
  assert.deepEqual(changes, ['stored stored']);
  assert.equal(ended, true);
});

test('it never asks before the time that the server named, and then at its own pace again', async () => {
  const { waits } = await follow(image('pending', 'stored'), [
    new Failure('rate-limited', { status: 429, retryAfter: 60 }),
    new Failure('database-unavailable', { status: 503, retryAfter: 1 }),
    image('pending', 'stored'),
    image('stored', 'stored'),
  ]);
  assert.deepEqual(waits, [1000, 60_000, 4000, 8000]);
});

test('it ends when the image was deleted', async () => {
  const { deleted, ended } = await follow(image('pending', 'stored'), [new Failure('image-deleted', { status: 410 })]);
  assert.equal(deleted, 1);
  assert.equal(ended, true);
});

test('once stopped it neither asks nor tells', async () => {
  const answers = [image('pending', 'stored'), image('stored', 'stored')];
  const { stop, next, changes } = await follow(image('pending', 'stored'), answers, { turns: 1 });
  stop();
  await next();
  assert.deepEqual(changes, []);
  assert.equal(answers.length, 1);
});

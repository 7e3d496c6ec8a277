import assert from 'node:assert/strict';
import test from 'node:test';

import { Failure } from '../public/lib/failure.js';
import { listOwnImages } from '../public/lib/own-images.js';

/** A memory of these ids, and a server that answers with images or with these codes. */
function world(ids, codes = {}) {
  const remembered = new Set(ids);
  const asked = [];
  return {
    remembered,
    asked,
    list: (limit, cursor = null) =>
      listOwnImages(
        { limit, cursor },
        {
          memory: {
            get imageIds() {
              return [...remembered];
            },
            forgetToken: (id) => remembered.delete(id),
          },
          find: (id) => {
            asked.push(id);
            return id in codes ? Promise.reject(new Failure(codes[id])) : Promise.resolve({ id });
          },
        },
      ),
  };
}

const idsOf = ({ items }) => items.map(({ id }) => id);

test('pages are newest first and lead on to the next, each image once', async () => {
  const { list, asked } = world(['b', 'e', 'a', 'd', 'c']);
  const first = await list(2);
  assert.deepEqual([idsOf(first), first.next_cursor], [['e', 'd'], 'd']);
  assert.deepEqual(asked, ['e', 'd'], 'no more is asked than is shown');
  const second = await list(2, first.next_cursor);
  assert.deepEqual([idsOf(second), second.next_cursor], [['c', 'b'], 'b']);
  const third = await list(2, second.next_cursor);
  assert.deepEqual([idsOf(third), third.next_cursor], [['a'], null]);
});

test('a page that ends with the last image is the last page', async () => {
  assert.deepEqual(await world(['a', 'b']).list(2), { items: [{ id: 'b' }, { id: 'a' }], next_cursor: null });
  assert.deepEqual(await world([]).list(2), { items: [], next_cursor: null });
});

test('a deleted image is left out and forgotten, one that is not known yet is only left out', async () => {
  const { list, remembered } = world(['a', 'b', 'c'], { a: 'image-not-found', b: 'image-deleted' });
  assert.deepEqual(idsOf(await list(5)), ['c']);
  assert.deepEqual([...remembered], ['a', 'c']);
});

test('a page on which nothing is left is passed over', async () => {
  const { list } = world(['a', 'b', 'c', 'd', 'e'], { e: 'image-deleted', d: 'image-deleted', c: 'image-not-found', b: 'image-deleted' });
  assert.deepEqual(idsOf(await list(2)), ['a']);
  const all = world(['a', 'b', 'c'], { a: 'image-deleted', b: 'image-deleted', c: 'image-deleted' });
  assert.deepEqual(await all.list(2), { items: [], next_cursor: null });
});

test('any other failure is the failure of the page, and nothing is forgotten', async () => {
  const { list, remembered } = world(['a', 'b'], { a: 'database-unavailable' });
  await assert.rejects(list(2), { code: 'database-unavailable' });
  assert.equal(remembered.size, 2);
});

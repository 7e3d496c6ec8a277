import assert from 'node:assert/strict';
import test from 'node:test';

import { ImageList } from '../public/lib/image-list.js';

/** A server that holds these ids and answers pages of two, as the API does: older than the cursor, newest first. */
function world(ids, gone) {
  const held = new Set(ids);
  const asked = [];
  const load = (cursor) => {
    asked.push(cursor);
    const rest = [...held].filter((id) => cursor === null || id < cursor).sort().reverse();
    const items = rest.slice(0, 2).map((id) => ({ id }));
    return Promise.resolve({ items, next_cursor: rest.length > 2 ? items.at(-1).id : null });
  };
  return { held, asked, list: new ImageList(load, gone) };
}

const idsOf = (images) => images.map(({ id }) => id).join('');

test('it grows page by page until there is no more', async () => {
  const { list, asked } = world('abcde');
  assert.equal(list.ended, false);
  assert.equal(idsOf(await list.more()), 'ed');
  assert.equal(idsOf(await list.more()), 'cb');
  assert.equal(list.ended, false);
  assert.equal(idsOf(await list.more()), 'a');
  assert.equal(list.ended, true);
  assert.equal(idsOf(list.images), 'edcba');
  assert.deepEqual(asked, [null, 'd', 'b']);
});

test('what is uploaded meanwhile stands at the top, and nothing is doubled or lost', async () => {
  const { list, held } = world('abcd');
  await list.more();
  held.add('f').add('g');
  // Uploads beside each other end in any order.
  list.add({ id: 'g' });
  list.add({ id: 'f' });
  assert.equal(idsOf(await list.more()), 'ba');
  assert.equal(idsOf(list.images), 'gfdcba');
});

test('what was uploaded before the first page came is not doubled by it', async () => {
  const { list } = world('abc');
  list.add({ id: 'c', known: true });
  assert.equal(idsOf(await list.more()), 'b');
  assert.equal(idsOf(list.images), 'cb');
  assert.equal(list.find('c').known, true);
});

test('an older one that is added comes where it belongs, and once', async () => {
  const { list } = world('abcdef');
  await list.more();
  list.add({ id: 'b' });
  assert.equal(idsOf(list.images), 'feb');
  await list.more();
  assert.equal(idsOf(list.images), 'fedcb');
  await list.more();
  assert.equal(idsOf(list.images), 'fedcba');
});

test('what is gone is left out, also of a page that is on its way, and deletes shift nothing', async () => {
  const gone = new Set();
  const { list, held } = world('abcde', gone);
  const page = list.more();
  gone.add('d');
  assert.equal(idsOf(await page), 'e');
  held.delete('e');
  held.delete('d');
  list.remove('e');
  assert.equal(idsOf(await list.more()), 'cb');
  assert.equal(idsOf(list.images), 'cb');
});

test('neighbours: newer, older, and beside one that was removed meanwhile', async () => {
  const { list } = world('abcdef');
  await list.more();
  await list.more();
  const beside = (id) => [list.neighbour(id, -1)?.id, list.neighbour(id, 1)?.id];
  assert.deepEqual(beside('f'), [undefined, 'e']);
  assert.deepEqual(beside('d'), ['e', 'c']);
  list.remove('d');
  assert.deepEqual(beside('d'), ['e', 'c']);
  assert.deepEqual(beside('c'), ['e', undefined]);
  assert.equal(list.mayGoOn('e'), false);
  assert.equal(list.mayGoOn('c'), true, 'the next page can tell');
  await list.more();
  assert.deepEqual(beside('c'), ['e', 'b']);
  assert.equal(list.mayGoOn('a'), false);
  assert.deepEqual(beside('a'), ['b', undefined]);
});

test('beside an image older than all that was loaded nothing is known', async () => {
  const { list } = world('abcdef');
  await list.more();
  assert.equal(list.neighbour('b', -1), undefined);
  assert.equal(list.neighbour('b', 1), undefined);
  assert.equal(list.mayGoOn('b'), false, 'nor are pages loaded to find out');
});

test('a page that fails can be asked for again', async () => {
  let broken = true;
  const list = new ImageList(() => (broken ? Promise.reject(new Error('away')) : Promise.resolve({ items: [{ id: 'a' }], next_cursor: null })));
  await assert.rejects(list.more(), /away/);
  assert.equal(list.ended, false);
  broken = false;
  assert.equal(idsOf(await list.more()), 'a');
});

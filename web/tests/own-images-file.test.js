import assert from 'node:assert/strict';
import test from 'node:test';

import { Memory } from '../public/lib/memory.js';
import { exportImages, importImages } from '../public/lib/own-images-file.js';

const ID = '019aab3e-7a10-7c3b-9a4f-2b1c0d9e8f70';
const OTHER = '019aab3e-7a10-7c3b-9a4f-2b1c0d9e8f71';
const TOKEN = 'a-_Z9'.padEnd(43, 'x');
const NOTHING = { problem: null, added: 0, known: 0, unusable: 0, lasting: true };

function storage() {
  const map = new Map();
  return {
    getItem: (key) => map.get(key) ?? null,
    setItem: (key, value) => map.set(key, value),
    removeItem: (key) => map.delete(key),
    key: (index) => [...map.keys()][index] ?? null,
    get length() {
      return map.size;
    },
  };
}

function memoryOf(tokens = {}, open = storage()) {
  const memory = new Memory(() => open);
  Object.entries(tokens).forEach(([id, token]) => memory.keepToken(id, token));
  return memory;
}

function fileOf(text) {
  return new File([text], 'list.json');
}

const listOf = (...images) => fileOf(JSON.stringify({ version: 1, images }));

test('what is exported can be imported in another browser', async () => {
  const from = memoryOf({ [OTHER]: TOKEN, [ID]: TOKEN.toUpperCase() });
  from.name = 'Ada';
  const text = exportImages(from);
  assert.deepEqual(JSON.parse(text), {
    version: 1,
    images: [{ id: ID, delete_token: TOKEN.toUpperCase() }, { id: OTHER, delete_token: TOKEN }],
  });
  const to = memoryOf();
  assert.deepEqual(await importImages(fileOf(text), to), { ...NOTHING, added: 2 });
  assert.equal(to.tokenOf(OTHER), TOKEN);
  assert.equal(exportImages(to), text);
});

test('nothing to export is a list as well', async () => {
  assert.deepEqual(await importImages(fileOf(exportImages(memoryOf())), memoryOf()), NOTHING);
});

test('what is there stays as it is and is counted apart', async () => {
  const memory = memoryOf({ [ID]: TOKEN });
  const list = listOf({ id: ID, delete_token: TOKEN.toUpperCase() }, { id: OTHER, delete_token: TOKEN }, { id: OTHER, delete_token: TOKEN });
  assert.deepEqual(await importImages(list, memory), { ...NOTHING, added: 1, known: 2 });
  assert.equal(memory.tokenOf(ID), TOKEN);
});

for (const [what, entry] of [
  ['nothing', null],
  ['a number', 7],
  ['an id that is none', { id: '../../etc', delete_token: TOKEN }],
  ['an id of another kind', { id: 7, delete_token: TOKEN }],
  ['no token', { id: ID }],
  ['a token that is too short', { id: ID, delete_token: TOKEN.slice(1) }],
  ['a token that would not pass through a header', { id: ID, delete_token: `${TOKEN.slice(2)}\r\n` }],
  ['markup', { id: ID, delete_token: '<img src=x onerror=alert()>'.padEnd(43, 'x') }],
]) {
  test(`an entry with ${what} is left out, the others are not`, async () => {
    const memory = memoryOf();
    assert.deepEqual(await importImages(listOf(entry, { id: OTHER, delete_token: TOKEN }), memory), { ...NOTHING, added: 1, unusable: 1 });
    assert.deepEqual(memory.imageIds, [OTHER]);
  });
}

for (const [what, text, problem] of [
  ['is empty', '', 'foreign'],
  ['is no JSON', '\u0089PNG', 'foreign'],
  ['is null', 'null', 'foreign'],
  ['is a list by itself', '[]', 'foreign'],
  ['has no version', '{"images":[]}', 'foreign'],
  ['has no images', '{"version":1}', 'foreign'],
  ['has images that are no list', '{"version":1,"images":{}}', 'foreign'],
  ['is of a later version', '{"version":2,"images":[]}', 'version'],
]) {
  test(`a file that ${what} is refused (${problem})`, async () => {
    const memory = memoryOf();
    assert.deepEqual(await importImages(fileOf(text), memory), { ...NOTHING, problem });
    assert.deepEqual(memory.imageIds, []);
  });
}

test('a huge file is refused before it is read, one that cannot be read is said to be so', async () => {
  const text = () => Promise.reject(new DOMException('gone', 'NotReadableError'));
  assert.equal((await importImages({ size: 4 * 1024 * 1024 + 1, text }, memoryOf())).problem, 'large');
  assert.equal((await importImages({ size: 4, text }, memoryOf())).problem, 'unreadable');
});

test('it says when the browser cannot store what was imported', async () => {
  const full = { ...storage(), setItem: () => assert.fail('QuotaExceededError') };
  const memory = memoryOf({}, full);
  assert.deepEqual(await importImages(listOf({ id: ID, delete_token: TOKEN }), memory), { ...NOTHING, added: 1, lasting: false });
  assert.equal(memory.tokenOf(ID), TOKEN);
});

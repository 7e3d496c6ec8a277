import assert from 'node:assert/strict';
import test from 'node:test';

import { Memory } from '../public/lib/memory.js';

function mapStorage(map = new Map()) {
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

function throwing(message) {
  return () => {
    throw new Error(message);
  };
}

test('name and tokens outlive the page', () => {
  const storage = mapStorage();
  const before = new Memory(() => storage);
  before.name = 'Ada';
  assert.equal(before.keepToken('id-1', 'secret'), true);

  const after = new Memory(() => storage);
  assert.equal(after.name, 'Ada');
  assert.equal(after.tokenOf('id-1'), 'secret');
  assert.equal(after.tokenOf('id-2'), null);
});

test('the format of copying outlives the page', () => {
  const storage = mapStorage();
  assert.equal(new Memory(() => storage).copyFormat, '');
  new Memory(() => storage).copyFormat = 'html';
  assert.equal(new Memory(() => storage).copyFormat, 'html');
});

test('a forgotten token is gone from the storage', () => {
  const map = new Map();
  const memory = new Memory(() => mapStorage(map));
  memory.keepToken('id-1', 'secret');
  assert.equal(map.size, 1);
  memory.forgetToken('id-1');
  assert.equal(memory.tokenOf('id-1'), null);
  assert.equal(map.size, 0);
});

test('an upload key outlives the page until it is forgotten', () => {
  const map = new Map();
  const before = new Memory(() => mapStorage(map));
  assert.equal(before.uploadKey, '');
  before.uploadKey = 'key-of-ada';

  const after = new Memory(() => mapStorage(map));
  assert.equal(after.uploadKey, 'key-of-ada');
  after.forgetUploadKey();
  assert.equal(after.uploadKey, '');
  assert.equal(map.size, 0);
});

test('it knows the images uploaded from here, stored or kept meanwhile, and nothing else', () => {
  const map = new Map([['some.other.page', 'x']]);
  const storage = mapStorage(map);
  const memory = new Memory(() => storage);
  memory.name = 'Ada';
  memory.uploadKey = 'key-of-ada';
  memory.keepToken('id-1', 'secret');
  storage.setItem = throwing('QuotaExceededError');
  memory.keepToken('id-2', 'secret');
  assert.deepEqual(memory.imageIds.sort(), ['id-1', 'id-2']);
  memory.forgetToken('id-1');
  assert.deepEqual(memory.imageIds, ['id-2']);
});

for (const [what, open] of [
  ['naming it throws', throwing('SecurityError')],
  ['it is missing', () => undefined],
  ['every call throws', () => ({ getItem: throwing('x'), setItem: throwing('x'), removeItem: throwing('x'), key: throwing('x'), length: 1 })],
  ['it is full', () => ({ ...mapStorage(), setItem: throwing('QuotaExceededError') })],
]) {
  test(`without storage (${what}) it remembers for as long as the page is open`, () => {
    const memory = new Memory(open);
    assert.equal(memory.name, '');
    memory.name = 'Ada';
    assert.equal(memory.keepToken('id-1', 'secret'), false, 'it says so');
    assert.equal(memory.name, 'Ada');
    assert.equal(memory.tokenOf('id-1'), 'secret');
    assert.deepEqual(memory.imageIds, ['id-1']);
    memory.forgetToken('id-1');
    assert.equal(memory.tokenOf('id-1'), null);
    assert.deepEqual(memory.imageIds, []);
    memory.uploadKey = 'key-of-ada';
    assert.equal(memory.uploadKey, 'key-of-ada');
    memory.forgetUploadKey();
    assert.equal(memory.uploadKey, '');
  });
}

test('a value that could be stored again replaces the one kept meanwhile', () => {
  const map = new Map();
  let full = true;
  const memory = new Memory(() => ({
    ...mapStorage(map),
    setItem(key, value) {
      if (full) {
        throw new Error('QuotaExceededError');
      }
      map.set(key, value);
    },
  }));
  memory.name = 'Ada';
  full = false;
  memory.name = 'Grace';
  assert.equal(memory.name, 'Grace');
  assert.deepEqual([...map.values()], ['Grace']);
});

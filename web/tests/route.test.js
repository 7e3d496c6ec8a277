import assert from 'node:assert/strict';
import test from 'node:test';

import { hashOf, parseRoute } from '../public/lib/route.js';

test('a delete link names an image and its token', () => {
  assert.deepEqual(parseRoute('#/delete/018f-a/t.o_k-en'), { name: 'delete', id: '018f-a', token: 't.o_k-en' });
  assert.deepEqual(parseRoute('#/delete/a/b%2Fc%3D/'), { name: 'delete', id: 'a', token: 'b/c=' });
});

for (const hash of ['', '#', '#/', '#/delete', '#/delete/', '#/delete/id', '#/delete/id/', '#/delete/a/b/c', '#/delete/a/%E0%A4', '#x/delete/a/b']) {
  test(`"${hash}" is only the page`, () => {
    assert.deepEqual(parseRoute(hash), { name: 'home' });
  });
}

for (const route of [
  { name: 'mine' },
  { name: 'by', uploader: 'Ada' },
  { name: 'by', uploader: '<b>Ada</b> / 100 % „früh“?#&' },
  { name: 'image', id: '018f-a' },
  { name: 'delete', id: '018f-a', token: 't_o-k' },
  { name: 'home' },
]) {
  test(`the address of ${JSON.stringify(route)} leads there`, () => {
    assert.deepEqual(parseRoute(hashOf(route)), route);
    // As the browser has it.
    assert.deepEqual(parseRoute(new URL(hashOf(route), 'http://localhost/').hash), route);
  });
}

for (const hash of ['#/by', '#/by/', '#/by/a/b', '#/by/%E0%A4', '#/image/', '#/mine/other', '#/Mine']) {
  test(`"${hash}" is only the page, too`, () => {
    assert.deepEqual(parseRoute(hash), { name: 'home' });
  });
}

test('the page itself needs nothing behind its address', () => {
  assert.equal(hashOf({ name: 'home' }), '');
});

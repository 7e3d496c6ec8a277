import assert from 'node:assert/strict';
import test from 'node:test';

import { parseRoute } from '../public/lib/route.js';

test('a delete link names an image and its token', () => {
  assert.deepEqual(parseRoute('#/delete/018f-a/t.o_k-en'), { name: 'delete', id: '018f-a', token: 't.o_k-en' });
  assert.deepEqual(parseRoute('#/delete/a/b%2Fc%3D/'), { name: 'delete', id: 'a', token: 'b/c=' });
});

for (const hash of ['', '#', '#/', '#/delete', '#/delete/', '#/delete/id', '#/delete/id/', '#/delete/a/b/c', '#/delete/a/%E0%A4', '#x/delete/a/b']) {
  test(`"${hash}" is only the page`, () => {
    assert.deepEqual(parseRoute(hash), { name: 'home' });
  });
}

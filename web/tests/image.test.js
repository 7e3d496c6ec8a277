import assert from 'node:assert/strict';
import test from 'node:test';

import { altOf, isSettled, sourceOf } from '../public/lib/image.js';

test('an image is settled when nothing is owed', () => {
  assert.equal(isSettled({ storage: { s3: 'stored', record: 'stored' } }), true);
  assert.equal(isSettled({ storage: { s3: 'pending', record: 'stored' } }), false);
  assert.equal(isSettled({ storage: { s3: 'stored', record: 'pending' } }), false);
});

test('a picture is loaded from the origin of the page, under whatever name it was opened', () => {
  assert.equal(sourceOf({ link: 'http://127.0.0.1:8080/i/a.png?v=1' }, 'http://localhost:8080/'), '/i/a.png?v=1');
  assert.equal(sourceOf({ link: '/i/a.png' }, 'http://localhost:8080/'), '/i/a.png');
});

test('a picture without a description says whose it is', () => {
  assert.equal(altOf({ alt: 'A cat', uploader: 'Ada' }), 'A cat');
  assert.match(altOf({ alt: null, uploader: 'Ada' }), /Ada/);
});

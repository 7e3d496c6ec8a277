import assert from 'node:assert/strict';
import test from 'node:test';

import { SubmissionKey, newKey } from '../public/lib/idempotency.js';

const UUID_4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

test('a key is a random UUID, with and without crypto.randomUUID', () => {
  const bare = { getRandomValues: (bytes) => crypto.getRandomValues(bytes) };
  for (const source of [crypto, bare]) {
    assert.match(newKey(source), UUID_4);
    assert.notEqual(newKey(source), newKey(source));
  }
});

test('the version and variant bits are right whatever the random bytes are', () => {
  assert.match(newKey({ getRandomValues: (bytes) => bytes.fill(0xff) }), UUID_4);
  assert.match(newKey({ getRandomValues: (bytes) => bytes.fill(0x00) }), UUID_4);
});

test('the same submission keeps its key, another gets another', () => {
  const key = new SubmissionKey();
  const submission = { file: new File(['a'], 'a.png'), uploader: 'Ada', alt: '' };
  const first = key.for(submission);
  assert.equal(key.for({ ...submission }), first);
  assert.notEqual(key.for({ ...submission, uploader: 'Grace' }), first);

  const second = key.for(submission);
  assert.notEqual(key.for({ ...submission, alt: 'A cat' }), second);
});

test('a file of equal name and content that is chosen anew is another submission', () => {
  const key = new SubmissionKey();
  const choose = () => ({ file: new File(['a'], 'a.png'), uploader: 'Ada', alt: '' });
  assert.notEqual(key.for(choose()), key.for(choose()));
});

test('a dropped key is not used again', () => {
  const key = new SubmissionKey();
  const submission = { file: new File(['a'], 'a.png'), uploader: 'Ada', alt: '' };
  const first = key.for(submission);
  key.drop();
  assert.notEqual(key.for(submission), first);
});

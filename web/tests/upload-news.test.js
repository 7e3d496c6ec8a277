import assert from 'node:assert/strict';
import test from 'node:test';

import { UploadNews } from '../public/lib/upload-news.js';
import { speak } from './support/texts.js';

await speak('en');

function listen() {
  const said = [];
  const news = new UploadNews((words) => said.push(words));
  return { news, heard: () => said.splice(0) };
}

const upload = (id, state, sentBytes = 0) => ({
  id,
  state,
  sentBytes,
  file: { size: 100 },
  image: state === 'done' ? { storage: { s3: 'stored', record: 'stored' } } : null,
});

test('what was chosen is counted in one sentence, without what did not happen', () => {
  const { news, heard } = listen();
  news.chosen({ added: 3, refused: 1, repeated: 2 });
  news.chosen({ added: 1, refused: 0, repeated: 0 });
  news.chosen({ added: 0, refused: 0, repeated: 0 });
  assert.deepEqual(heard(), ['3 files added, 1 cannot be uploaded, 2 were there already.', '1 file added.']);
});

test('half of a batch is said once, and its end once', () => {
  const { news, heard } = listen();
  news.started([1, 2]);
  assert.deepEqual(heard(), ['Uploading 2 images.']);
  news.follow([upload(1, 'sending', 90), upload(2, 'queued')]);
  assert.deepEqual(heard(), []);
  news.follow([upload(1, 'done', 100), upload(2, 'sending', 10)]);
  news.follow([upload(1, 'done', 100), upload(2, 'saving', 100)]);
  assert.deepEqual(heard(), ['Half of it is sent.']);
  news.follow([upload(1, 'done', 100), upload(2, 'failed')]);
  news.follow([upload(1, 'done', 100), upload(2, 'failed')]);
  assert.deepEqual(heard(), ['1 image uploaded, 1 failed.']);
});

test('an upload of an earlier batch is not counted again', () => {
  const { news, heard } = listen();
  news.started([1]);
  news.follow([upload(1, 'done', 100)]);
  heard();
  news.started([2]);
  news.follow([upload(1, 'done', 100), upload(2, 'cancelled')]);
  assert.deepEqual(heard(), ['Uploading 1 image.', '1 cancelled.']);
});

test('what waits to be tried again is not at its end', () => {
  const { news, heard } = listen();
  news.started([1]);
  heard();
  news.follow([upload(1, 'waiting')]);
  assert.deepEqual(heard(), []);
});

test('an image that is saved and not in S3 yet is told', () => {
  const { news, heard } = listen();
  news.started([1]);
  heard();
  news.follow([{ ...upload(1, 'done', 100), image: { storage: { s3: 'pending', record: 'stored' } } }]);
  assert.deepEqual(heard(), ['1 image uploaded, 1 not in S3 yet.']);
});

test('nothing is said of what was not started', () => {
  const { news, heard } = listen();
  news.started([]);
  news.follow([upload(1, 'ready')]);
  assert.deepEqual(heard(), []);
});

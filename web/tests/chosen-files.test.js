import assert from 'node:assert/strict';
import test from 'node:test';

import { namePasted, tellRepeated } from '../public/lib/chosen-files.js';

const file = (name, { content = 'x', type = 'image/png', lastModified = 1000 } = {}) => new File([content], name, { type, lastModified });

test('a pasted image without a name of its own gets one, of the right kind', () => {
  assert.equal(namePasted(file('image.png'), 0).name, 'pasted-1.png');
  assert.equal(namePasted(file('image.png'), 4).name, 'pasted-5.png');
  assert.equal(namePasted(file('', { type: 'image/jpeg' }), 0).name, 'pasted-1.jpeg');
});

test('a pasted image keeps its content, its type and its time', async () => {
  const named = namePasted(file('image.png', { content: 'pixels', lastModified: 7 }), 0);
  assert.deepEqual([await named.text(), named.type, named.lastModified], ['pixels', 'image/png', 7]);
});

test('a file with a name is left as it is', () => {
  for (const name of ['hills.jpg', 'image-2.png', 'my image.png']) {
    const pasted = file(name);
    assert.equal(namePasted(pasted, 0), pasted, name);
  }
});

test('the same file is found among those that are there, and within one choice', () => {
  const [hills, lake] = [file('hills.jpg'), file('lake.png')];
  const { fresh, repeated } = tellRepeated([file('hills.jpg'), lake, file('lake.png')], [hills]);
  assert.deepEqual(fresh, [lake]);
  assert.deepEqual(repeated.map(({ name }) => name), ['hills.jpg', 'lake.png']);
});

test('another size, time or name is another file', () => {
  const known = [file('hills.jpg')];
  for (const other of [file('hills.jpg', { content: 'longer' }), file('hills.jpg', { lastModified: 2 }), file('hills.png')]) {
    assert.deepEqual(tellRepeated([other], known).fresh, [other]);
  }
});

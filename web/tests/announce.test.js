import assert from 'node:assert/strict';
import test from 'node:test';

import { announce } from '../public/lib/page.js';

/** A document that has nothing but the status region. What is put into the region is what a screen reader says. */
function listen(context) {
  const said = [];
  const region = {
    get textContent() {
      return said.at(-1) ?? '';
    },
    set textContent(text) {
      said.push(text);
    },
  };
  globalThis.document = { getElementById: (id) => (id === 'announcements' ? region : null), querySelector: () => null };
  context.mock.timers.enable({ apis: ['setTimeout'] });
  context.after(() => delete globalThis.document);
  return { said, wait: () => context.mock.timers.tick(1000) };
}

test('what comes together is said in one message, each part once', (context) => {
  const { said, wait } = listen(context);
  announce('3 files added.');
  announce('One is too large.');
  announce('3 files added.');
  assert.deepEqual(said, []);
  wait();
  assert.deepEqual(said, ['3 files added. One is too large.']);
  announce('Uploading.');
  wait();
  assert.deepEqual(said.slice(1), ['Uploading.']);
});

test('the same again is a change of the region, or nobody would hear it', (context) => {
  const { said, wait } = listen(context);
  for (let time = 0; time < 3; time += 1) {
    announce('Copied.');
    wait();
  }
  assert.deepEqual(said.map((text) => text.trim()), ['Copied.', 'Copied.', 'Copied.']);
  assert.notEqual(said[0], said[1]);
  assert.notEqual(said[1], said[2]);
});

import assert from 'node:assert/strict';
import test from 'node:test';

import { altOf, isSettled, sourceOf, sourceSetOf } from '../public/lib/image.js';

test('an image is settled when nothing is owed', () => {
  assert.equal(isSettled({ storage: { s3: 'stored', record: 'stored' } }), true);
  assert.equal(isSettled({ storage: { s3: 'pending', record: 'stored' } }), false);
  assert.equal(isSettled({ storage: { s3: 'stored', record: 'pending' } }), false);
});

test('a picture is loaded from the origin of the page, under whatever name it was opened', () => {
  assert.equal(sourceOf({ link: 'http://127.0.0.1:8080/i/a.png?v=1' }, 'http://localhost:8080/'), '/i/a.png?v=1');
  assert.equal(sourceOf({ link: '/i/a.png' }, 'http://localhost:8080/'), '/i/a.png');
});

const SIZES = { thumb: 320, small: 640, medium: 1280 };
const HERE = 'http://localhost:8080/';

/** As the API describes an image: the addresses are the same whatever its size. */
function imageOf(width, height) {
  const variants = Object.fromEntries(Object.keys(SIZES).map((name) => [name, `https://images.example/i/a/${name}`]));
  return { width, height, variants };
}

test('a browser chooses from the widths that variants really have', () => {
  const widthsOf = (width, height) => sourceSetOf(imageOf(width, height), SIZES, HERE).match(/\d+(?=w)/g).map(Number);
  assert.equal(
    sourceSetOf(imageOf(4000, 3000), SIZES, HERE),
    '/i/a/thumb 320w, /i/a/small 640w, /i/a/medium 1280w',
    'on the origin of the page, under whatever name it was opened',
  );
  assert.deepEqual(widthsOf(3000, 4000), [240, 480, 960], 'the longer side is what is limited');
  assert.deepEqual(widthsOf(2000, 1333), [320, 640, 1280]);
  assert.deepEqual(widthsOf(1333, 2000), [213, 427, 853]);
  assert.deepEqual(widthsOf(500, 400), [320, 500], 'never wider than the image');
  assert.deepEqual(widthsOf(1280, 1), [320, 640, 1280]);
  assert.deepEqual(widthsOf(1601, 2048), [250, 500, 1001], 'rounded as the service rounds');
});

test('where a large one is wanted, the original is one of the choices, and the only one of its size', () => {
  const whole = (width, height) => sourceSetOf({ ...imageOf(width, height), link: 'https://images.example/i/a.png' }, SIZES, HERE, true);
  assert.equal(whole(4000, 3000), '/i/a/thumb 320w, /i/a/small 640w, /i/a/medium 1280w, /i/a.png 4000w');
  assert.equal(whole(500, 400), '/i/a/thumb 320w, /i/a.png 500w');
  assert.equal(sourceSetOf({ ...imageOf(500, 400), link: '/i/a.png' }, null, HERE, true), '', 'it needs no choice');
});

test('variants of the same size are named once, by the smallest', () => {
  assert.equal(sourceSetOf(imageOf(100, 80), SIZES, HERE), '/i/a/thumb 100w');
  assert.equal(sourceSetOf(imageOf(320, 320), SIZES, HERE), '/i/a/thumb 320w');
  assert.equal(sourceSetOf(imageOf(1, 9000), SIZES, HERE), '/i/a/thumb 1w', 'no picture is less than a pixel wide');
});

test('the order of the names means nothing, and sizes are the operator’s', () => {
  const image = { width: 4000, height: 3000, variants: { medium: '/i/a/medium', thumb: '/i/a/thumb' } };
  assert.equal(sourceSetOf(image, { thumb: 100, medium: 800 }, HERE), '/i/a/thumb 100w, /i/a/medium 800w');
});

test('a service without variants, or whose sizes are not known, has none to choose from', () => {
  const { variants, ...image } = imageOf(4000, 3000);
  assert.equal(sourceSetOf(image, SIZES, HERE), '');
  assert.equal(sourceSetOf({ ...image, variants: {} }, SIZES, HERE), '');
  for (const sizes of [null, undefined, {}, { huge: 9000 }, { thumb: 0 }]) {
    assert.equal(sourceSetOf({ ...image, variants }, sizes, HERE), '', JSON.stringify(sizes));
  }
});

test('a picture without a description says whose it is', () => {
  assert.equal(altOf({ alt: 'A cat', uploader: 'Ada' }), 'A cat');
  assert.match(altOf({ alt: null, uploader: 'Ada' }), /Ada/);
});

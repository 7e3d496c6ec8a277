import assert from 'node:assert/strict';
import test from 'node:test';

import { decodeThumbHash } from '../public/lib/thumb-hash.js';

/** Encoded and decoded by the Rust crate thumbhash 0.1.0, with which the service encodes. Sums are by channel. */
const PICTURES = [
  {
    name: 'landscape',
    text: 'HwgKNJqAh4dwh4d4iHeAgAj4dw==',
    size: [32, 18],
    corners: [[22, 27, 129, 255], [255, 255, 121, 255]],
    middle: [127, 129, 124, 255],
    sums: [73580, 71507, 70439, 146880],
  },
  {
    name: 'portrait',
    text: 'mmcCEwSWeId3h433ePh4h48=',
    size: [14, 32],
    corners: [[145, 72, 98, 255], [143, 70, 101, 255]],
    middle: [127, 74, 113, 255],
    sums: [56905, 33323, 50551, 114240],
  },
  {
    name: 'square with a hole',
    text: 'muiABQA6B3iHeIKLd/h4j4/H+Id4h390iA==',
    size: [32, 32],
    corners: [[41, 182, 91, 255], [41, 182, 91, 255]],
    middle: [41, 182, 91, 0],
    sums: [41984, 186368, 93184, 168519],
  },
  {
    name: 'strip',
    text: 'IPgB8aj3scaIh4eIf3j4h4c=',
    size: [32, 5],
    corners: [[255, 132, 0, 255], [0, 132, 255, 255]],
    middle: [118, 132, 136, 255],
    sums: [21156, 21120, 19620, 40800],
  },
  {
    name: 'nothing to be seen',
    text: 'AAiCAwAAAAAAAAAAAAAAAAAAAAAAAAA=',
    size: [19, 32],
    corners: [[3, 0, 0, 0], [3, 0, 0, 0]],
    middle: [3, 0, 0, 0],
    sums: [1824, 0, 0, 0],
  },
];

/** As long as it should be, but it says that its shorter side is nothing. */
const WITHOUT_SHAPE = btoa('\0'.repeat(25));

/** The crate reckons with half the digits, and cuts off where this rounds: one step of 255. */
function assertNear(actual, expected, what, most = 1) {
  const apart = [...actual].map((value, index) => Math.abs(value - expected[index]));
  assert.ok(apart.every((each) => each <= most), `${what}: ${[...actual]} and not ${expected}`);
}

for (const { name, text, size, corners, middle, sums } of PICTURES) {
  test(`a placeholder looks as the service meant it: ${name}`, () => {
    const { width, height, pixels } = decodeThumbHash(text);
    assert.deepEqual([width, height], size);
    assert.equal(pixels.length, width * height * 4);
    const at = (x, y) => pixels.subarray((y * width + x) * 4, (y * width + x + 1) * 4);
    assertNear(at(0, 0), corners[0], 'first pixel');
    assertNear(at(width - 1, height - 1), corners[1], 'last pixel');
    assertNear(at(width >> 1, height >> 1), middle, 'pixel in the middle');
    const found = [0, 1, 2, 3].map((channel) =>
      pixels.filter((_, index) => index % 4 === channel).reduce((sum, value) => sum + value, 0),
    );
    assertNear(found, sums, 'sums', width * height);
  });
}

test('what is no ThumbHash has no picture', () => {
  const text = PICTURES[0].text;
  for (const wrong of [undefined, null, '', '!', 'AAAA', text.slice(0, 8), text.slice(0, -4), WITHOUT_SHAPE, 42]) {
    assert.equal(decodeThumbHash(wrong), null, String(wrong));
  }
});

import assert from 'node:assert/strict';
import test from 'node:test';

import { passedMilestone } from '../public/lib/milestones.js';

for (const [before, now, said] of [
  [0, 10, null],
  [10, 25, 25],
  [25, 30, null],
  [10, 80, 75],
  [75, 99, null],
  [80, 100, null],
  [50, 50, null],
]) {
  test(`from ${before} % to ${now} % says ${said}`, () => {
    assert.equal(passedMilestone(before, now), said);
  });
}

test('a whole upload in steps of one percent says three things', () => {
  const said = [];
  for (let percent = 1; percent <= 100; percent += 1) {
    said.push(passedMilestone(percent - 1, percent));
  }
  assert.deepEqual(said.filter((milestone) => milestone !== null), [25, 50, 75]);
});

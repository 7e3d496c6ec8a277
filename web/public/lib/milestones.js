/*
 * Which progress is worth saying aloud: a screen reader that reads out every
 * percent says nothing.
 * Pure. Imports nothing.
 */

const STEP = 25;

/**
 * @param {number} before percent
 * @param {number} now percent
 * @returns {number | null} the quarter that was passed in between, if one was
 */
export function passedMilestone(before, now) {
  const milestone = Math.floor(now / STEP) * STEP;
  return milestone > before && milestone > 0 && milestone < 100 ? milestone : null;
}

/*
 * Waits until something is so that the browser cannot wait for.
 */

import assert from 'node:assert/strict';
import { setTimeout as wait } from 'node:timers/promises';

const PATIENCE_MS = 15_000;
const AGAIN_MS = 30;

/** Until `look` gives this value; what it gives at the end of all patience is judged. */
export async function expectSoon(look, expected) {
  const end = Date.now() + PATIENCE_MS;
  let found = await look();
  while (!same(found, expected) && Date.now() < end) {
    await wait(AGAIN_MS);
    found = await look();
  }
  assert.deepEqual(found, expected);
}

function same(one, other) {
  try {
    assert.deepEqual(one, other);
    return true;
  } catch {
    return false;
  }
}

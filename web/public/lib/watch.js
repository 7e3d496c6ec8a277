/*
 * Follows an image until it is in S3 and in the database, asking less and less
 * often, and never before a time that the server has named (Retry-After): both
 * can be away for a day, and many pages may be open.
 * May import ./image.js. Takes the request and the clock as arguments.
 */

import { isSettled } from './image.js';

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 30_000;

/** 1 s, 2 s, 4 s, … 30 s. @param {number} turn from 0 */
export function waitBefore(turn) {
  return Math.min(FIRST_WAIT_MS * 2 ** turn, LONGEST_WAIT_MS);
}

/**
 * @param {import('./image.js').Image} image
 * @param {object} parts
 * @param {(id: string) => Promise<import('./image.js').Image>} parts.find
 * @param {(image: import('./image.js').Image) => void} parts.onChange whenever its storage changed
 * @param {() => void} parts.onDeleted someone deleted it meanwhile
 * @param {(action: () => void, ms: number) => unknown} [parts.later]
 * @returns {() => void} stops watching
 */
export function watchUntilStored(image, { find, onChange, onDeleted, later = setTimeout }) {
  let known = image;
  let turn = 0;
  let stopped = false;

  async function look() {
    if (stopped) {
      return;
    }
    const answer = await find(image.id).catch((failure) => failure);
    if (stopped) {
      return;
    }
    if (answer.code === 'image-deleted') {
      onDeleted();
      return;
    }
    // Any other failure is waited out, a 404 too: behind a load balancer another host may not know it yet.
    if (answer.storage && changed(known, answer)) {
      known = answer;
      onChange(answer);
    }
    wait(answer.retryAfter);
  }

  function wait(retryAfter = null) {
    if (!isSettled(known)) {
      later(look, Math.max(waitBefore(turn), (retryAfter ?? 0) * 1000));
      turn += 1;
    }
  }

  wait();
  return () => {
    stopped = true;
  };
}

function changed(before, now) {
  return before.storage.s3 !== now.storage.s3 || before.storage.record !== now.storage.record;
}

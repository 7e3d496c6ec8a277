/*
 * Which failures of an upload are tried again without asking the person, when,
 * and under which Idempotency-Key.
 * Pure but for the random numbers. Takes a Failure (./failure.js) as a plain
 * value. Imports nothing.
 */

/** How often an upload is tried again by itself. After that the person decides. */
export const MOST_RETRIES = 5;

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 30_000;

/** No answer came, or one that says "not now". Not 507: a full disk stays full for longer than anybody waits. */
const STATUSES = [408, 429, 502, 503, 504];
const CODES = ['network', 'timeout', 'idempotency-key-in-use'];
/** One upload is told what holds for all that come from here. */
const FOR_ALL = ['rate-limited', 'uploads-busy'];
const KEY_REFUSED = ['upload-key-missing', 'upload-key-wrong'];
const NEW_KEY = ['idempotency-key-spent', 'idempotency-key-mismatch', 'idempotency-key-invalid'];

/** The same again may succeed, and costs nobody anything. */
export function isRetriedByItself({ code, status }) {
  return CODES.includes(code) || STATUSES.includes(status);
}

/** Others need not try before this one may again. */
export function holdsOthersBack({ code }) {
  return FOR_ALL.includes(code);
}

/** Every other upload would be refused for the same reason. */
export function refusesAll({ code }) {
  return KEY_REFUSED.includes(code);
}

/** Under the old key the same again could only fail. */
export function needsNewKey({ code }) {
  return NEW_KEY.includes(code);
}

/**
 * Longer each time, and not the same for everybody: many pages may have lost the same server. Never before a time that
 * the server has named.
 * @param {number} retries how often it was tried again before, from 0
 * @param {{retryAfter: number | null}} failure
 * @returns {number} milliseconds
 */
export function waitBeforeRetry(retries, { retryAfter }, random = Math.random) {
  const longest = Math.min(FIRST_WAIT_MS * 2 ** retries, LONGEST_WAIT_MS);
  return (retryAfter ?? 0) * 1000 + longest / 2 + (random() * longest) / 2;
}

import assert from 'node:assert/strict';
import test from 'node:test';

import { Failure, failureFromAnswer } from '../public/lib/failure.js';
import { holdsOthersBack, isRetriedByItself, needsNewKey, refusesAll, waitBeforeRetry } from '../public/lib/retry.js';

const problem = (status, code, retryAfter = null) =>
  failureFromAnswer({ status, body: JSON.stringify({ code, status }), retryAfter });

test('a broken connection and answers that say "not now" are tried again by themselves', () => {
  for (const failure of [
    new Failure('network'),
    new Failure('timeout'),
    problem(408, 'upload-too-slow'),
    problem(409, 'idempotency-key-in-use'),
    problem(429, 'rate-limited'),
    problem(503, 'database-unavailable'),
    ...[408, 429, 502, 503, 504].map((status) => failureFromAnswer({ status, body: '<html>', retryAfter: null })),
  ]) {
    assert.equal(isRetriedByItself(failure), true, `${failure.status} ${failure.code}`);
  }
});

test('what the same again cannot change is left to the person', () => {
  for (const failure of [
    new Failure('cancelled'),
    new Failure('file-unreadable'),
    new Failure('page-error'),
    problem(401, 'upload-key-missing'),
    problem(409, 'idempotency-key-mismatch'),
    problem(413, 'file-too-large'),
    problem(415, 'media-type-unsupported'),
    problem(422, 'image-malformed'),
    problem(500, 'internal-error'),
    problem(507, 'disk-full'),
    failureFromAnswer({ status: 200, body: '<html>Log in</html>', retryAfter: null }),
  ]) {
    assert.equal(isRetriedByItself(failure), false, `${failure.status} ${failure.code}`);
  }
});

test('it waits longer each time, at most 30 seconds, and half of it by chance', () => {
  const failure = new Failure('network');
  assert.deepEqual([0, 1, 2, 3, 4, 5, 60].map((retries) => waitBeforeRetry(retries, failure, () => 0)), [500, 1000, 2000, 4000, 8000, 15000, 15000]);
  assert.deepEqual([0, 4, 60].map((retries) => waitBeforeRetry(retries, failure, () => 1)), [1000, 16000, 30000]);
});

test('it never comes back before the time that the server named', () => {
  assert.ok(waitBeforeRetry(0, problem(503, 'uploads-busy', '120'), () => 0) >= 120_000);
});

test('what holds for all uploads is told from what holds for one', () => {
  assert.deepEqual(['rate-limited', 'uploads-busy', 'database-unavailable', 'network'].map((code) => holdsOthersBack({ code })), [true, true, false, false]);
  assert.deepEqual(['upload-key-missing', 'upload-key-wrong', 'file-too-large'].map((code) => refusesAll({ code })), [true, true, false]);
});

test('a key that is of no more use is replaced, one that is in use is kept', () => {
  const codes = ['idempotency-key-spent', 'idempotency-key-mismatch', 'idempotency-key-invalid', 'idempotency-key-in-use', 'network'];
  assert.deepEqual(codes.map((code) => needsNewKey({ code })), [true, true, true, false, false]);
});

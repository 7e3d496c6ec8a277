import assert from 'node:assert/strict';
import test from 'node:test';

import { Failure, failureFromAnswer, objectFromAnswer } from '../public/lib/failure.js';

const answer = (status, body, retryAfter = null) => ({ status, body, retryAfter });

test('a problem of the server keeps its code, sentence, request id, limit and wait', () => {
  const failure = failureFromAnswer(
    answer(
      413,
      JSON.stringify({ code: 'file-too-large', detail: 'Too large.', request_id: 'r-1', max_upload_bytes: 1048576 }),
      '5',
    ),
  );
  assert.ok(failure instanceof Failure);
  assert.deepEqual(
    [failure.code, failure.status, failure.detail, failure.requestId, failure.maxUploadBytes, failure.retryAfter],
    ['file-too-large', 413, 'Too large.', 'r-1', 1048576, 5],
  );
});

test('field errors and accepted types of an unexpected shape are left out', () => {
  const failure = failureFromAnswer(
    answer(
      400,
      JSON.stringify({
        code: 'validation-failed',
        errors: [{ field: 'uploader', detail: 'Empty.' }, { field: 7 }, null],
        accepted_media_types: ['image/png', 3],
        detail: { not: 'a sentence' },
      }),
    ),
  );
  assert.deepEqual(failure.errors, [{ field: 'uploader', detail: 'Empty.' }]);
  assert.deepEqual(failure.acceptedMediaTypes, ['image/png']);
  assert.equal(failure.detail, null);
});

for (const [status, body, code, why] of [
  [413, '<html>Request Entity Too Large</html>', 'file-too-large', 'a proxy means the same by 413'],
  [408, '<html>Request Timeout</html>', 'upload-too-slow', 'a proxy means the same by 408'],
  [429, 'slow down', 'rate-limited', 'a proxy means the same by 429'],
  [502, '<html>Bad Gateway</html>', 'answer-unreadable', 'HTML is no problem document'],
  [500, '', 'answer-unreadable', 'an empty body has no code'],
  [500, '[]', 'answer-unreadable', 'an array has no code'],
  [500, '{"message":"x"}', 'answer-unreadable', 'JSON of another service has no code'],
]) {
  test(`a ${status} with body ${JSON.stringify(body)} is "${code}": ${why}`, () => {
    assert.equal(failureFromAnswer(answer(status, body)).code, code);
  });
}

test('a Retry-After that is not a number of seconds is not guessed at', () => {
  for (const header of ['Wed, 21 Oct 2026 07:28:00 GMT', '-1', '1.5', '']) {
    assert.equal(failureFromAnswer(answer(503, '{}', header)).retryAfter, null, header);
  }
});

test('a success must be a JSON object', () => {
  assert.deepEqual(objectFromAnswer({ status: 200, body: '{"items":[]}' }), { items: [] });
  for (const body of ['<html>Log in to the hotel network</html>', '', 'null', '[]', '"text"']) {
    assert.throws(() => objectFromAnswer({ status: 200, body }), { code: 'answer-unreadable', status: 200 }, body);
  }
});

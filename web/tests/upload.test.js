import assert from 'node:assert/strict';
import test from 'node:test';

import { formOf, uploadImage } from '../public/lib/upload.js';

/** Stands in for the browser's XMLHttpRequest, which node does not have. */
class ScriptedRequest extends EventTarget {
  upload = new EventTarget();
  headers = {};
  aborted = false;

  open(method, url) {
    this.line = `${method} ${url}`;
  }

  setRequestHeader(name, value) {
    this.headers[name] = value;
  }

  send(form) {
    this.form = form;
  }

  abort() {
    this.aborted = true;
    this.dispatchEvent(new Event('abort'));
  }

  getResponseHeader(name) {
    return name === 'Retry-After' ? (this.retryAfter ?? null) : null;
  }

  progress(loaded, total) {
    this.upload.dispatchEvent(Object.assign(new Event('progress'), { lengthComputable: true, loaded, total }));
  }

  sent() {
    this.upload.dispatchEvent(new Event('load'));
  }

  answer(status, responseText, retryAfter = null) {
    Object.assign(this, { status, responseText, retryAfter });
    this.dispatchEvent(new Event('load'));
  }
}

const submission = () => ({ file: new File(['pixels'], 'cat.png', { type: 'image/png' }), uploader: 'Ada', alt: '' });

/** Starts an upload and waits until its request has been sent. */
async function start(overrides = {}) {
  const request = new ScriptedRequest();
  const canceller = new AbortController();
  const seen = { bytes: [], sent: 0 };
  const { promise: began, resolve: begin } = withResolvers();
  const outcome = uploadImage(overrides.submission ?? submission(), {
    key: 'key-1',
    uploadKey: overrides.uploadKey,
    signal: canceller.signal,
    onProgress: (bytes) => seen.bytes.push(bytes),
    onSent: () => {
      seen.sent += 1;
    },
    createRequest: () => {
      const { send } = request;
      request.send = (form) => {
        send.call(request, form);
        begin();
      };
      return request;
    },
  });
  // Settled later by the test; without this an early failure would count as unhandled.
  outcome.catch(() => {});
  await Promise.race([began, outcome]);
  return { request, canceller, seen, outcome };
}

/** Promise.withResolvers, which node 20 lacks. */
function withResolvers() {
  let resolve;
  const promise = new Promise((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

test('the texts come before the file, and an empty description is not sent', () => {
  assert.deepEqual([...formOf(submission()).keys()], ['uploader', 'file']);
  assert.deepEqual([...formOf({ ...submission(), alt: 'A cat' }).keys()], ['uploader', 'alt', 'file']);
});

test('it posts under the key, tells how much of the file has left, and gives the answer', async () => {
  const { request, seen, outcome } = await start();
  assert.equal(request.line, 'POST /api/v1/images');
  assert.equal(request.headers['Idempotency-Key'], 'key-1');
  request.progress(250, 1000);
  request.progress(1000, 1000);
  assert.equal(seen.sent, 0);
  request.sent();
  request.answer(202, '{"id":"id-1"}');
  assert.deepEqual(await outcome, { id: 'id-1' });
  assert.deepEqual(seen, { bytes: [2, 6], sent: 1 });
});

test('an upload key goes into the header of its own and nowhere else', async () => {
  const { request, outcome } = await start({ uploadKey: 'key-of-ada' });
  assert.equal(request.headers.Authorization, 'Bearer key-of-ada');
  assert.equal(request.line, 'POST /api/v1/images');
  assert.deepEqual([...request.form.keys()], ['uploader', 'file']);
  request.answer(403, '{"code":"upload-key-wrong"}');
  const failure = await outcome.catch((error) => error);
  assert.equal(failure.code, 'upload-key-wrong');
  assert.doesNotMatch(JSON.stringify(failure) + failure.message + failure.stack, /key-of-ada/);
});

test('without an upload key no Authorization is sent', async () => {
  for (const uploadKey of [undefined, '']) {
    const { request } = await start({ uploadKey });
    assert.equal('Authorization' in request.headers, false);
  }
});

test('a refusal is a failure with the code of the server', async () => {
  const { request, outcome } = await start();
  request.answer(503, '{"code":"disk-unavailable"}', '7');
  await assert.rejects(outcome, { code: 'disk-unavailable', status: 503, retryAfter: 7 });
});

test('a success that is not JSON is no success', async () => {
  const { request, outcome } = await start();
  request.answer(200, '<html>Log in</html>');
  await assert.rejects(outcome, { code: 'answer-unreadable', status: 200 });
});

test('a broken connection tells whether every byte had left', async () => {
  const early = await start();
  early.request.dispatchEvent(new Event('error'));
  await assert.rejects(early.outcome, { code: 'network', sent: false });

  const late = await start();
  late.request.sent();
  late.request.dispatchEvent(new Event('error'));
  await assert.rejects(late.outcome, { code: 'network', sent: true });
});

test('cancelling aborts the request', async () => {
  const { request, canceller, outcome } = await start();
  canceller.abort();
  await assert.rejects(outcome, { code: 'cancelled', sent: false });
  assert.equal(request.aborted, true);
});

test('a line that moves has no deadline, a line that stands still for 30 seconds has', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { request, outcome } = await start();
  for (let step = 1; step <= 10; step += 1) {
    t.mock.timers.tick(29_000);
    request.progress(step, 100);
  }
  assert.equal(request.aborted, false);
  t.mock.timers.tick(30_000);
  await assert.rejects(outcome, { code: 'timeout', sent: false });
  assert.equal(request.aborted, true);
});

test('once everything has left, the server has a minute to answer', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { request, outcome } = await start();
  request.sent();
  t.mock.timers.tick(59_999);
  assert.equal(request.aborted, false);
  t.mock.timers.tick(1);
  await assert.rejects(outcome, { code: 'timeout', sent: true });
});

test('a file that can no longer be read is told apart from a broken network', async () => {
  const file = { name: 'gone.png', slice: () => ({ arrayBuffer: () => Promise.reject(new Error('NotReadableError')) }) };
  await assert.rejects(start({ submission: { ...submission(), file } }), { code: 'file-unreadable' });
});

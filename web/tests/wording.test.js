import assert from 'node:assert/strict';
import test from 'node:test';

import { Failure } from '../public/lib/failure.js';
import { describeFailure, describePending, describePublished, describeStorage } from '../public/lib/wording.js';
import { catalogueOf, speak } from './support/texts.js';

await speak('en');

const describe = (code, facts, context) => describeFailure(new Failure(code, facts), context);

test('what is wrong with the file names the file, points at its field and offers no retry', () => {
  for (const code of [
    'file-missing',
    'file-empty',
    'file-unreadable',
    'file-too-large',
    'media-type-unsupported',
    'image-malformed',
    'image-dimensions-exceeded',
    'image-animation-exceeded',
    'content-blocked',
  ]) {
    const { text, field, retry } = describe(code, { status: 400 }, { fileName: 'cat.png' });
    assert.equal(field, 'file', code);
    assert.equal(retry, false, code);
    assert.ok(code === 'file-missing' || text.includes('“cat.png”'), text);
  }
});

test('a limit and accepted types of the server are told, where it told them', () => {
  assert.match(describe('file-too-large', { maxUploadBytes: 2_097_152 }).text, /the limit is 2\sMB/);
  assert.doesNotMatch(describe('file-too-large').text, /null|undefined|NaN/);
  assert.match(describe('media-type-unsupported', { acceptedMediaTypes: ['image/png'] }).text, /Choose a PNG image/);
});

test('why an image is blocked or too long an animation is told in the words of the server, where it told', () => {
  const detail = 'This content was taken down. The reason: <b>not ours</b>.';
  assert.equal(
    describe('content-blocked', { status: 451, detail }, { fileName: 'cat.png' }).text,
    `“cat.png” cannot be uploaded here. ${detail}`,
  );
  assert.match(describe('image-animation-exceeded', { detail: 'It has 5000 frames; the limit is 1000.' }).text, /animation\. It has 5000 frames; the limit is 1000\. Save/);
  for (const code of ['content-blocked', 'image-animation-exceeded']) {
    assert.doesNotMatch(describe(code).text, /null|undefined| {2}/);
  }
});

test('a missing and a wrong upload key are told at its field', () => {
  for (const [code, status] of [['upload-key-missing', 401], ['upload-key-wrong', 403]]) {
    const { text, field, retry, freshKey } = describe(code, { status, detail: 'Send: Authorization: Bearer <key>.' });
    assert.deepEqual([field, retry, freshKey], ['upload-key', false, false], code);
    assert.match(text, /upload key/);
    assert.doesNotMatch(text, /Authorization/, 'that is for programs');
  }
});

test('what only the operator or only another page may do is not offered again', () => {
  for (const code of ['admin-key-missing', 'admin-key-wrong', 'origin-not-allowed']) {
    const { text, field, retry } = describe(code, { status: 403, detail: 'For programs.' });
    assert.deepEqual([field, retry], [null, false], code);
    assert.doesNotMatch(text, /For programs/, code);
  }
});

test('what passes by itself can be tried again, with the wait the server asked for', () => {
  for (const code of [
    'network',
    'timeout',
    'rate-limited',
    'uploads-busy',
    'variants-busy',
    'upload-too-slow',
    'idempotency-key-in-use',
    'database-unavailable',
    'disk-full',
  ]) {
    assert.equal(describe(code).retry, true, code);
    assert.equal(describe(code).freshKey, false, code);
  }
  for (const [code, status] of [['database-unavailable', 503], ['uploads-busy', 503], ['variants-busy', 503], ['rate-limited', 429]]) {
    assert.match(describe(code, { status, retryAfter: 5 }).text, /Try again in 5 seconds\.$/, code);
    assert.match(describe(code, { status }).text, /Try again in a moment\.$/, code);
  }
});

test('a key that is of no more use is replaced before the next try', () => {
  for (const code of ['idempotency-key-spent', 'idempotency-key-mismatch', 'idempotency-key-invalid']) {
    assert.deepEqual([describe(code).retry, describe(code).freshKey], [true, true], code);
  }
});

test('the request id is given for faults of the server and for no others', () => {
  assert.match(describe('internal-error', { status: 500, requestId: 'r-77' }).text, /r-77/);
  assert.match(describe('new-code', { status: 503, requestId: 'r-78', detail: 'Away.' }).text, /^Away\..*r-78/);
  assert.doesNotMatch(describe('file-empty', { status: 400, requestId: 'r-79' }).text, /r-79/);
});

test('a code that this page does not know is told in the sentence of the server', () => {
  const { text, retry, field } = describe('quota-reached', {
    status: 400,
    detail: 'This name has reached its quota.',
    errors: [{ field: 'some-header', detail: 'Not for people.' }],
  });
  assert.equal(text, 'This name has reached its quota.');
  assert.equal(retry, false);
  assert.equal(field, null);
  assert.match(describe('quota-reached', { status: 418 }).text, /418.*quota-reached/);
});

test('a refused field is told at the field, in the sentence about it', () => {
  const refused = { status: 400, detail: 'Invalid.', errors: [{ field: 'uploader', detail: 'No control characters.' }] };
  assert.deepEqual(describe('validation-failed', refused), {
    text: 'No control characters.',
    field: 'uploader',
    retry: false,
    freshKey: false,
  });
});

test('a code that is a name of every object is not looked up on the prototype', () => {
  assert.equal(describe('constructor', { status: 400, detail: 'Odd.' }).text, 'Odd.');
});

test('a broken answer of a proxy, of a gateway and of a login page are told apart', () => {
  assert.match(describe('answer-unreadable', { status: 502 }).text, /not available/);
  assert.match(describe('answer-unreadable', { status: 403 }).text, /between you and the server/);
  assert.match(describe('answer-unreadable', { status: 200 }).text, /login page/);
});

test('a connection that breaks after the last byte is told as such: the image may be stored', () => {
  assert.match(describe('network', { sent: false }).text, /cannot be reached/);
  assert.match(describe('network', { sent: true }).text, /not be stored twice/);
  assert.equal(describe('cancelled', { sent: false }).text, 'Upload cancelled.');
  assert.match(describe('cancelled', { sent: true }).text, /may be stored/);
});

test('a changed file is mentioned only where it was changed', () => {
  assert.equal(describePublished({ sha256: 'a', received_sha256: 'a' }), null);
  assert.equal(describePublished({ sha256: 'a' }), null);
  assert.match(describePublished({ sha256: 'a', received_sha256: 'b' }), /was removed from the file/);
});

test('stored is only said of what is stored', () => {
  const done = (storage) => describeStorage(storage).stages.map((stage) => stage.done);
  assert.deepEqual(done({ s3: 'stored', record: 'stored' }), [true, true, true]);
  assert.deepEqual(done({ s3: 'pending', record: 'stored' }), [true, false, true]);
  assert.deepEqual(done({ s3: 'stored', record: 'pending' }), [true, true, false]);
  assert.equal(describeStorage({ s3: 'pending', record: 'stored' }).headline, 'Your image is saved');
  assert.equal(describeStorage({ s3: 'stored', record: 'stored' }).headline, 'Your image is stored');
  assert.equal(describePending({ s3: 'stored', record: 'stored' }), null);
  assert.match(describePending({ s3: 'pending', record: 'pending' }), /S3/);
  assert.match(describePending({ s3: 'stored', record: 'pending' }), /database/);
});

const CATALOGUE = await catalogueOf('en');

test('every text about a failure is one that some failure has', () => {
  const own = ['named', 'unnamed', 'report', 'inServersWords', 'unknown'];
  const facts = [
    {},
    { sent: true, detail: 'Because.', maxUploadBytes: 5 },
    { status: 503 },
    { status: 403 },
  ];
  for (const key of Object.keys(CATALOGUE.failure).filter((name) => !own.includes(name))) {
    const code = key.replace(/-(?:limit|detail|sent|away|refused)$/, '');
    const pattern = new RegExp(`^${CATALOGUE.failure[key].replace(/[.*+?^()|[\]\\]/g, '\\$&').replace(/\{\w+\}/g, '.+')}$`);
    assert.ok(facts.some((fact) => pattern.test(describe(code, fact).text)), key);
  }
});

test('what failed in the page itself is told as such', () => {
  assert.deepEqual(describe('page-error'), {
    text: 'Something in this page went wrong. Reload it and try again.',
    field: null,
    retry: false,
    freshKey: false,
  });
});

test('in German everything is told in German, with its sizes, lists, waits and quotes', async () => {
  await speak('de');
  assert.equal(
    describe('file-too-large', { maxUploadBytes: 1_572_864 }, { fileName: 'katze.png' }).text.replaceAll('\u00a0', ' '),
    '„katze.png“ ist zu groß: Erlaubt sind 1,5 MB. Wählen oder speichern Sie eine kleinere Fassung.',
  );
  assert.match(describe('media-type-unsupported').text, /^Diese Datei .* JPEG, PNG, GIF oder WebP\.$/);
  assert.match(describe('uploads-busy', { status: 503, retryAfter: 5, requestId: 'r-1' }).text, /in 5 Sekunden noch einmal\. .*r-1\.$/);
  assert.equal(describe('quota-reached', { status: 400, detail: 'Too many.' }).text, 'Der Server meldet: Too many.');
  assert.equal(describeStorage({ s3: 'pending', record: 'stored' }).headline, 'Ihr Bild ist gesichert');
  assert.equal(describePending({ s3: 'pending', record: 'stored' }), 'Unterwegs nach S3');
  await speak('en');
});

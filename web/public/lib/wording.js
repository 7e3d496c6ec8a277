/*
 * What can go wrong and every state of storage, in the person's words (sections
 * "failure" and "storage" of the catalogue). Says also which field is at fault
 * and whether trying again can help.
 * May import ./format.js and ./language.js; takes a Failure (./failure.js) as a plain value.
 */

import { formatBytes, formatMediaTypes, formatWait } from './format.js';
import { text } from './language.js';

/**
 * @typedef {object} Wording
 * @property {string} text the reason and what to do
 * @property {'file' | 'uploader' | 'alt' | 'upload-key' | null} field the field to put right, if it is one
 * @property {boolean} retry the same again can succeed
 * @property {boolean} freshKey the same again can only succeed under another Idempotency-Key
 */

const FILE = { field: 'file' };
const UPLOAD_KEY = { field: 'upload-key' };
const RETRY = { retry: true };
const RETRY_WITH_A_FRESH_KEY = { retry: true, freshKey: true };
const FINAL = {};

/** Each has a text, "failure." and the code. Where it has more than one, VARIANT says which. */
const CODES = {
  'file-missing': FILE,
  'file-empty': FILE,
  'file-unreadable': FILE,
  'file-too-large': FILE,
  'media-type-unsupported': FILE,
  'image-malformed': FILE,
  'image-dimensions-exceeded': FILE,
  'image-animation-exceeded': FILE,
  'content-blocked': FILE,
  'upload-key-missing': UPLOAD_KEY,
  'upload-key-wrong': UPLOAD_KEY,
  network: RETRY,
  timeout: RETRY,
  'rate-limited': RETRY,
  'uploads-busy': RETRY,
  'variants-busy': RETRY,
  'upload-too-slow': RETRY,
  'idempotency-key-in-use': RETRY,
  'internal-error': RETRY,
  'database-unavailable': RETRY,
  'image-pending': RETRY,
  'disk-unavailable': RETRY,
  'disk-full': RETRY,
  'answer-unreadable': RETRY,
  'idempotency-key-spent': RETRY_WITH_A_FRESH_KEY,
  'idempotency-key-mismatch': RETRY_WITH_A_FRESH_KEY,
  'idempotency-key-invalid': RETRY_WITH_A_FRESH_KEY,
  'token-missing': FINAL,
  'token-wrong': FINAL,
  'admin-key-missing': FINAL,
  'admin-key-wrong': FINAL,
  'origin-not-allowed': FINAL,
  'image-not-found': FINAL,
  'image-undecodable': FINAL,
  'image-deleted': FINAL,
  'page-error': FINAL,
  cancelled: FINAL,
};

/** What is told more exactly where more is known. */
const VARIANT = {
  'file-too-large': ({ maxUploadBytes }) => (maxUploadBytes === null ? '' : '-limit'),
  'image-dimensions-exceeded': withDetail,
  'image-animation-exceeded': withDetail,
  'content-blocked': withDetail,
  network: ifSent,
  cancelled: ifSent,
  'answer-unreadable'({ status }) {
    if ([502, 503, 504].includes(status)) {
      return '-away';
    }
    return status >= 400 ? '-refused' : '';
  },
};

const ALL_TYPES = ['image/jpeg', 'image/png', 'image/gif', 'image/webp'];

/**
 * @param {import('./failure.js').Failure} failure
 * @param {{fileName?: string}} [context]
 * @returns {Wording}
 */
export function describeFailure(failure, { fileName } = {}) {
  const { code } = failure;
  if (!Object.hasOwn(CODES, code)) {
    return ownSentence(failure);
  }
  const { field = null, retry = false, freshKey = false } = CODES[code];
  const words = text(`failure.${code}${VARIANT[code]?.(failure) ?? ''}`, factsOf(failure, fileName));
  return { text: words + report(failure), field, retry, freshKey };
}

/**
 * The two things that outlive the request, each done or not yet.
 * @param {{s3: string, record: string}} storage
 * @returns {{headline: string, settled: boolean, stages: {done: boolean, text: string}[]}}
 */
export function describeStorage(storage) {
  const inS3 = storage.s3 === 'stored';
  const recorded = storage.record === 'stored';
  const settled = inS3 && recorded;
  return {
    settled,
    headline: text(settled ? 'storage.stored' : 'storage.saved'),
    stages: [
      { done: true, text: text('storage.onServer') },
      { done: inS3, text: text(inS3 ? 'storage.inS3' : 'storage.notInS3') },
      { done: recorded, text: text(recorded ? 'storage.recorded' : 'storage.notRecorded') },
    ],
  };
}

/**
 * What became of the file on its way to the public; null when it was published as it came. It may have lost
 * metadata, or only what trailed the picture: the sentence promises neither.
 * @param {import('./image.js').Image} image
 */
export function describePublished({ sha256, received_sha256: received }) {
  return received === undefined || received === sha256 ? null : text('storage.published');
}

/** What is still owed for an image, short enough for a caption; null when nothing is. */
export function describePending(storage) {
  if (storage.s3 !== 'stored') {
    return text('storage.s3Pending');
  }
  return storage.record === 'stored' ? null : text('storage.recordPending');
}

/** All that a text may have a hole for. */
function factsOf({ detail, status, retryAfter, maxUploadBytes, acceptedMediaTypes }, fileName) {
  return {
    file: fileName ? text('failure.named', { name: fileName }) : text('failure.unnamed'),
    when: formatWait(retryAfter),
    limit: formatBytes(maxUploadBytes ?? 0),
    types: formatMediaTypes(acceptedMediaTypes ?? ALL_TYPES),
    detail: detail ?? '',
    status: String(status),
  };
}

function withDetail({ detail }) {
  return detail === null ? '' : '-detail';
}

function ifSent({ sent }) {
  return sent ? '-sent' : '';
}

/** A number to quote, only where the fault is the server's. */
function report({ status, requestId }) {
  return status >= 500 && requestId ? ` ${text('failure.report', { number: requestId })}` : '';
}

/** A code from a newer server, or one that only a bug of ours can cause: the server's sentence is the best there is. */
function ownSentence(failure) {
  const atFault = failure.errors.find(({ field }) => ['file', 'uploader', 'alt'].includes(field));
  const detail = atFault?.detail ?? failure.detail;
  const words =
    detail === null
      ? text('failure.unknown', { status: String(failure.status), code: failure.code })
      : text('failure.inServersWords', { detail });
  return {
    text: words + report(failure),
    field: atFault?.field ?? null,
    retry: failure.retryAfter !== null || failure.status >= 500,
    freshKey: false,
  };
}

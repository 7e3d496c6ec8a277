/*
 * The person's words for everything that can go wrong and for every state of
 * storage: the one place to read or change them. Says also which field is at
 * fault and whether trying again can help.
 * Pure. May import ./format.js; takes a Failure (./failure.js) as a plain value.
 */

import { formatBytes, formatMediaTypes, formatWait } from './format.js';

/**
 * @typedef {object} Wording
 * @property {string} text the reason and what to do
 * @property {'file' | 'uploader' | 'alt' | 'upload-key' | null} field the field to put right, if it is one
 * @property {boolean} retry the same again can succeed
 * @property {boolean} freshKey the same again can only succeed under another Idempotency-Key
 */

const AT_FAULT = {
  'file-missing': ['file', () => 'No file arrived. Choose an image and upload it again.'],
  'file-empty': ['file', ({ file }) => `${file} is empty. Choose another file.`],
  'file-unreadable': ['file', ({ file }) => `${file} can no longer be read: it was changed, moved or deleted. Choose it again.`],
  'file-too-large': ['file', ({ file, failure }) =>
    failure.maxUploadBytes === null
      ? `${file} is too large for this server. Choose or save a smaller version.`
      : `${file} is too large: the limit is ${formatBytes(failure.maxUploadBytes)}. Choose or save a smaller version.`],
  'media-type-unsupported': ['file', ({ file, failure }) =>
    `${file} is not really an image of a kind that can be uploaded here, whatever its name says. Choose a ${formatMediaTypes(
      failure.acceptedMediaTypes ?? ['image/jpeg', 'image/png', 'image/gif', 'image/webp'],
    )} image.`],
  'image-malformed': ['file', ({ file }) => `${file} is damaged or incomplete. Open it in an image program, save it again and upload that.`],
  'image-dimensions-exceeded': ['file', ({ file, failure }) =>
    `${file} has too many pixels. ${failure.detail ?? ''} Save it with smaller dimensions.`.replace('  ', ' ')],
  'image-animation-exceeded': ['file', ({ file, failure }) =>
    `${file} is too long an animation. ${failure.detail ?? ''} Save it with fewer frames or smaller dimensions.`.replace('  ', ' ')],
  'content-blocked': ['file', ({ file, failure }) =>
    `${file} cannot be uploaded here. ${failure.detail ?? 'Whoever runs this site has blocked it.'}`],
  'upload-key-missing': ['upload-key', () => 'This site takes uploads only with an upload key. Write yours here, then upload again.'],
  'upload-key-wrong': ['upload-key', () =>
    'This upload key is not known here. Check that it was copied whole, or ask whoever runs this site.'],
};

const CAN_RETRY = {
  network: ({ failure }) =>
    failure.sent
      ? 'The connection broke before the server could answer. Try again: the image will not be stored twice.'
      : 'The server cannot be reached. Check your connection, then try again.',
  timeout: () => 'The server did not answer in time. Try again; if it goes on, your connection may be too slow.',
  'rate-limited': ({ when }) => `Too many requests came from here at once. Try again ${when}.`,
  'uploads-busy': ({ when }) => `The server is busy with other uploads. Try again ${when}.`,
  'variants-busy': ({ when }) => `The server is busy with other previews. Try again ${when}.`,
  'upload-too-slow': () => 'The upload took too long on the way, so the server ended it. Try again over a faster connection, or with a smaller image.',
  'idempotency-key-in-use': ({ when }) => `The server is still working on your first try. Try again ${when}.`,
  'internal-error': () => 'Something went wrong on the server. Try again.',
  'database-unavailable': ({ when }) => `The service cannot reach its database just now. Try again ${when}.`,
  'image-pending': ({ when }) => `The image is still on its way here. Try again ${when}.`,
  'disk-unavailable': ({ when }) => `The server cannot save anything just now. Try again ${when}.`,
  'disk-full': () => 'The server has no room left for another image. Try again later.',
};

const CAN_RETRY_WITH_A_FRESH_KEY = {
  'idempotency-key-spent': () => 'This upload was already made and its image has been deleted since. Press “Try again” to upload it anew.',
  'idempotency-key-mismatch': () => 'The server knows this upload with other content. Press “Try again” to send it as a new one.',
  'idempotency-key-invalid': () => 'The upload could not be marked as yours. Press “Try again” to send it as a new one.',
};

const FINAL = {
  'token-missing': () => 'Only the person who uploaded this image can delete it, with its delete link.',
  'token-wrong': () => 'This delete link does not belong to this image. Check that it was copied whole.',
  'admin-key-missing': () => 'Only whoever runs this site can do this, with the admin key.',
  'admin-key-wrong': () => 'Only whoever runs this site can do this, and this is not the admin key.',
  'origin-not-allowed': () =>
    'The server does not take this from a page at this address. Open the site at its own address; if you are there, tell whoever runs it.',
  'image-not-found': () => 'There is no such image here. Check that the link was copied whole.',
  'image-undecodable': () => 'There is no preview of this image: its file cannot be read. The image itself is still at its link.',
  'image-deleted': () => 'This image has already been deleted.',
  cancelled: ({ failure }) =>
    failure.sent
      ? 'Stopped waiting. The image had already reached the server and may be stored all the same.'
      : 'Upload cancelled.',
};

/**
 * @param {import('./failure.js').Failure} failure
 * @param {{fileName?: string}} [context]
 * @returns {Wording}
 */
export function describeFailure(failure, { fileName } = {}) {
  const facts = {
    failure,
    file: fileName ? `“${fileName}”` : 'This file',
    when: formatWait(failure.retryAfter),
  };
  const { code } = failure;

  if (Object.hasOwn(AT_FAULT, code)) {
    const [field, words] = AT_FAULT[code];
    return wording(words(facts), { field });
  }
  if (Object.hasOwn(CAN_RETRY, code)) {
    return wording(CAN_RETRY[code](facts) + report(failure), { retry: true });
  }
  if (Object.hasOwn(CAN_RETRY_WITH_A_FRESH_KEY, code)) {
    return wording(CAN_RETRY_WITH_A_FRESH_KEY[code](), { retry: true, freshKey: true });
  }
  if (Object.hasOwn(FINAL, code)) {
    return wording(FINAL[code](facts));
  }
  if (code === 'answer-unreadable') {
    return wording(unreadable(facts), { retry: true });
  }
  return ownSentence(failure);
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
    headline: settled ? 'Your image is stored' : 'Your image is saved',
    stages: [
      { done: true, text: 'Saved on the server. The link works.' },
      inS3
        ? { done: true, text: 'Stored in S3. The public address works.' }
        : { done: false, text: 'Not in S3 yet. The server keeps trying; you may close this page.' },
      recorded
        ? { done: true, text: 'Recorded in the database.' }
        : { done: false, text: 'Not in the database yet: it is away. The server adds the record when it is back.' },
    ],
  };
}

/**
 * What became of the file on its way to the public; null when it was published as it came. It may have lost
 * metadata, or only what trailed the picture: the sentence promises neither.
 * @param {import('./image.js').Image} image
 */
export function describePublished({ sha256, received_sha256: received }) {
  return received === undefined || received === sha256
    ? null
    : 'Before it was published, data that the picture does not need was removed from the file.';
}

/** What is still owed for an image, short enough for a caption; null when nothing is. */
export function describePending(storage) {
  if (storage.s3 !== 'stored') {
    return 'On its way to S3';
  }
  return storage.record === 'stored' ? null : 'Waiting for the database';
}

function wording(text, { field = null, retry = false, freshKey = false } = {}) {
  return { text, field, retry, freshKey };
}

function unreadable({ failure, when }) {
  if ([502, 503, 504].includes(failure.status)) {
    return `The server is not available just now. Try again ${when}.`;
  }
  if (failure.status >= 400) {
    return `Something between you and the server refused this (${failure.status}). Try again; if it goes on, tell the operator.`;
  }
  return 'The answer did not come from the image server. Check your connection (a login page of the network?), then try again.';
}

/** A number to quote, only where the fault is the server's. */
function report({ status, requestId }) {
  return status >= 500 && requestId ? ` If it goes on, tell the operator this number: ${requestId}.` : '';
}

/** A code from a newer server, or one that only a bug of ours can cause: the server's sentence is the best there is. */
function ownSentence(failure) {
  const atFault = failure.errors.find(({ field }) => ['file', 'uploader', 'alt'].includes(field));
  const sentence = atFault?.detail ?? failure.detail ?? `The server refused this (${failure.status}, ${failure.code}).`;
  return wording(sentence + report(failure), {
    field: atFault?.field ?? null,
    retry: failure.retryAfter !== null || failure.status >= 500,
  });
}

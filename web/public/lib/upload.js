/*
 * Sends one image. XMLHttpRequest, because fetch cannot tell how much of a body
 * has left. Tries once: when it is tried again, ./queue.js knows.
 * May import ./api.js and ./failure.js.
 */

import { API_BASE } from './api.js';
import { Failure, failureFromAnswer, objectFromAnswer } from './failure.js';

// No deadline for the whole: a slow line that moves is fine, a line that stands still is not.
const STALL_MS = 30_000;
// The server saves to disk and waits a little for S3 and the database before it answers.
const ANSWER_MS = 60_000;

/**
 * @param {{file: File, uploader: string, alt: string}} submission
 * @param {object} parts
 * @param {string} parts.key Idempotency-Key
 * @param {string} [parts.uploadKey] for sites that take uploads only with one; empty: none is sent
 * @param {AbortSignal} parts.signal cancels
 * @param {(bytes: number) => void} parts.onProgress how much of the file has left
 * @param {() => void} parts.onSent every byte has left; the server is saving
 * @param {() => XMLHttpRequest} [parts.createRequest]
 * @returns {Promise<import('./image.js').Image & {delete_token: string, delete_url: string}>}
 */
export async function uploadImage(submission, parts) {
  await assertReadable(submission.file);
  const answer = await send(submission, parts);
  if (answer.status < 200 || answer.status > 299) {
    throw failureFromAnswer(answer);
  }
  return objectFromAnswer(answer);
}

/** The texts come first: the server can refuse them before it has read a megabyte. */
export function formOf({ file, uploader, alt }) {
  const form = new FormData();
  form.append('uploader', uploader);
  if (alt !== '') {
    form.append('alt', alt);
  }
  form.append('file', file);
  return form;
}

/** A file that changed on disk fails like a broken network; only reading it tells the two apart. */
async function assertReadable(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
  } catch {
    throw new Failure('file-unreadable');
  }
}

function send(submission, { key, uploadKey = '', signal, onProgress, onSent, createRequest = () => new XMLHttpRequest() }) {
  return new Promise((resolve, reject) => {
    const request = createRequest();
    let sent = false;
    let timer = null;

    function rest() {
      clearTimeout(timer);
      signal.removeEventListener('abort', cancel);
    }
    function fail(code) {
      rest();
      reject(new Failure(code, { sent }));
    }
    function giveUp(code) {
      // First reject, then abort: abort() fires events that would name another reason.
      fail(code);
      request.abort();
    }
    function cancel() {
      giveUp('cancelled');
    }
    function expectSignOfLife(ms) {
      clearTimeout(timer);
      timer = setTimeout(() => giveUp('timeout'), ms);
    }

    if (signal.aborted) {
      fail('cancelled');
      return;
    }
    signal.addEventListener('abort', cancel);

    request.upload.addEventListener('progress', (event) => {
      expectSignOfLife(STALL_MS);
      if (event.lengthComputable && event.total > 0) {
        // Of the whole body, in which the file has the greatest share by far.
        onProgress(Math.round((event.loaded / event.total) * submission.file.size));
      }
    });
    request.upload.addEventListener('load', () => {
      sent = true;
      expectSignOfLife(ANSWER_MS);
      onSent();
    });
    request.addEventListener('error', () => fail('network'));
    request.addEventListener('load', () => {
      rest();
      resolve({
        status: request.status,
        body: request.responseText,
        retryAfter: request.getResponseHeader('Retry-After'),
      });
    });

    request.open('POST', `${API_BASE}/images`);
    request.setRequestHeader('Idempotency-Key', key);
    request.setRequestHeader('Accept', 'application/json, application/problem+json');
    if (uploadKey !== '') {
      request.setRequestHeader('Authorization', `Bearer ${uploadKey}`);
    }
    expectSignOfLife(STALL_MS);
    request.send(formOf(submission));
  });
}

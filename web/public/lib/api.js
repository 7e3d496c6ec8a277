/*
 * The HTTP API, without the upload itself (./upload.js): where it is, how it is
 * asked, and every failure as a Failure.
 * May import ./failure.js only.
 */

import { Failure, failureFromAnswer, objectFromAnswer } from './failure.js';

/** The one place that knows where the API is: the same origin as this page. */
export const API_BASE = '/api/v1';

const TIMEOUT_MS = 20_000;

/** @returns {Promise<import('./restrict.js').Limits>} */
export function getLimits() {
  return ask('/limits');
}

/**
 * One page, newest first.
 * @param {{limit: number, cursor?: string | null, uploader?: string}} page `uploader`: only the images of this one
 * @returns {Promise<{items: import('./image.js').Image[], next_cursor: string | null}>}
 */
export function listImages({ limit, cursor = null, uploader }) {
  const query = new URLSearchParams({ limit: String(limit) });
  if (uploader !== undefined) {
    query.set('uploader', uploader);
  }
  if (cursor !== null) {
    query.set('cursor', cursor);
  }
  return ask(`/images?${query}`);
}

/** @returns {Promise<import('./image.js').Image>} */
export function findImage(id) {
  return ask(`/images/${encodeURIComponent(id)}`);
}

/** Once begun, it goes on when the page is left. @returns {Promise<void>} */
export async function deleteImage(id, token) {
  await request(`/images/${encodeURIComponent(id)}`, {
    method: 'DELETE',
    keepalive: true,
    headers: { Authorization: `Bearer ${token}` },
  });
}

async function ask(path) {
  return objectFromAnswer(await request(path));
}

async function request(path, options = {}) {
  try {
    const response = await fetch(API_BASE + path, { ...options, signal: AbortSignal.timeout(TIMEOUT_MS) });
    const answer = {
      status: response.status,
      body: await response.text(),
      retryAfter: response.headers.get('Retry-After'),
    };
    if (!response.ok) {
      throw failureFromAnswer(answer);
    }
    return answer;
  } catch (error) {
    if (error instanceof Failure) {
      throw error;
    }
    throw new Failure(error.name === 'TimeoutError' ? 'timeout' : 'network');
  }
}

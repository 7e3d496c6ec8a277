/*
 * What went wrong, in one shape, whoever noticed it: the server (RFC 9457
 * problem), a proxy in between (HTML), the network, or this page.
 * Pure. Imports nothing.
 */

/**
 * Codes that this page adds to the server's own. They never come over the wire.
 * @typedef {'network' | 'timeout' | 'cancelled' | 'file-unreadable' | 'answer-unreadable' | 'page-error'} LocalCode
 */

const NOTHING_KNOWN = {
  status: 0,
  detail: null,
  requestId: null,
  retryAfter: null,
  errors: [],
  maxUploadBytes: null,
  acceptedMediaTypes: null,
  sent: false,
};

export class Failure extends Error {
  /**
   * @param {string} code a problem code of the API or a LocalCode
   * @param {object} [facts]
   * @param {number} [facts.status] HTTP status, 0 when there was no answer
   * @param {string | null} [facts.detail] the server's own sentence
   * @param {string | null} [facts.requestId]
   * @param {number | null} [facts.retryAfter] seconds
   * @param {{field: string, detail: string}[]} [facts.errors]
   * @param {number | null} [facts.maxUploadBytes]
   * @param {string[] | null} [facts.acceptedMediaTypes]
   * @param {boolean} [facts.sent] every byte had left before it failed
   */
  constructor(code, facts = {}) {
    super(facts.detail ?? code);
    Object.assign(this, { name: 'Failure', code }, NOTHING_KNOWN, facts);
  }
}

/**
 * Reads an answer that is not a success.
 * @param {{status: number, body: string, retryAfter: string | null}} answer
 * @returns {Failure}
 */
export function failureFromAnswer({ status, body, retryAfter }) {
  const problem = parseObject(body);
  const wait = parseRetryAfter(retryAfter);

  if (typeof problem?.code !== 'string') {
    // Not ours: a proxy answered. Its 408, 413 and 429 mean what ours mean; the rest is only a status.
    const code =
      { 408: 'upload-too-slow', 413: 'file-too-large', 429: 'rate-limited' }[status] ?? 'answer-unreadable';
    return new Failure(code, { status, retryAfter: wait });
  }

  return new Failure(problem.code, {
    status,
    detail: text(problem.detail),
    requestId: text(problem.request_id),
    retryAfter: wait,
    errors: Array.isArray(problem.errors) ? problem.errors.filter(isFieldError) : [],
    maxUploadBytes: Number.isSafeInteger(problem.max_upload_bytes) ? problem.max_upload_bytes : null,
    acceptedMediaTypes: Array.isArray(problem.accepted_media_types)
      ? problem.accepted_media_types.filter((type) => typeof type === 'string')
      : null,
  });
}

/**
 * Reads the body of a success. A page that a captive portal or a proxy put in its place is a failure.
 * @param {{status: number, body: string}} answer
 * @returns {object}
 */
export function objectFromAnswer({ status, body }) {
  const value = parseObject(body);
  if (value === null) {
    throw new Failure('answer-unreadable', { status });
  }
  return value;
}

/** Anything thrown, as a Failure. A bug of ours keeps its trace in the console. */
export function asFailure(error) {
  if (error instanceof Failure) {
    return error;
  }
  console.error(error);
  return new Failure('page-error');
}

function parseObject(body) {
  try {
    const value = JSON.parse(body);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

/** Seconds only: the API never sends the date form. */
function parseRetryAfter(header) {
  return header !== null && /^\d{1,6}$/.test(header.trim()) ? Number(header) : null;
}

function text(value) {
  return typeof value === 'string' && value !== '' ? value : null;
}

function isFieldError(error) {
  return typeof error?.field === 'string' && typeof error?.detail === 'string';
}

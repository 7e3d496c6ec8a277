/*
 * What the tests do and look up behind the page's back, over the same API, as
 * the operator where there is one.
 */

import assert from 'node:assert/strict';

const BASE = 'api/v1';

/** @returns {Promise<object>} the answer, with its delete token */
export async function upload(server, { buffer, mimeType, name }, { uploader = 'Somebody Else', alt } = {}) {
  const form = new FormData();
  form.append('uploader', uploader);
  if (alt !== undefined) {
    form.append('alt', alt);
  }
  form.append('file', new File([buffer], name, { type: mimeType }));
  const response = await fetch(`${server.url}${BASE}/images`, { method: 'POST', headers: server.operator, body: form });
  assert.equal(response.status, 201, await response.clone().text());
  return response.json();
}

/** @returns {Promise<object[]>} the images of one uploader; names tell the tests apart */
export async function imagesOf(server, uploader) {
  const query = new URLSearchParams({ uploader, limit: '50' });
  const response = await fetch(`${server.url}${BASE}/images?${query}`, { headers: server.operator });
  assert.equal(response.status, 200);
  return (await response.json()).items;
}

/** Deletes an image and blocks its content, for this reason. */
export async function block(server, id, reason) {
  const query = new URLSearchParams({ purge: 'true', reason });
  const response = await fetch(`${server.url}${BASE}/images/${id}?${query}`, { method: 'DELETE', headers: server.operator });
  assert.equal(response.status, 204, await response.clone().text());
}

export async function statusOf(server, id) {
  return (await fetch(`${server.url}${BASE}/images/${id}`)).status;
}

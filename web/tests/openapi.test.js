import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test from 'node:test';

import { Validator } from '@seriousme/openapi-schema-validator';

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];

// A missing file fails every test here: the document is part of the product.
const document = readFile(new URL('../../openapi/openapi.json', import.meta.url), 'utf8').then(JSON.parse);
document.catch(() => {});

async function operations() {
  const { paths } = await document;
  const found = Object.entries(paths).flatMap(([path, item]) =>
    METHODS.filter((method) => method in item).map((method) => ({
      name: `${method.toUpperCase()} ${path}`,
      operation: item[method],
    })),
  );
  assert.ok(found.length > 0, 'the document has no operations');
  return found;
}

/** Follows a local reference such as #/components/responses/NotFound. */
async function resolve(value) {
  if (typeof value?.$ref !== 'string') {
    return value;
  }
  assert.match(value.$ref, /^#\//, `${value.$ref} is not in this document`);
  const keys = value.$ref.slice(2).split('/').map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
  const target = keys.reduce((node, key) => node?.[key], await document);
  assert.notEqual(target, undefined, `${value.$ref} leads nowhere`);
  return resolve(target);
}

function hasExample(media, schema) {
  return [media.example, media.examples, schema?.example, schema?.examples].some(
    (example) => example !== undefined && (typeof example !== 'object' || example === null || Object.keys(example).length > 0),
  );
}

async function bodiesWithoutExample({ name, operation }) {
  const missing = [];
  for (const [status, reference] of Object.entries(operation.responses)) {
    const { content = {} } = await resolve(reference);
    for (const [type, media] of Object.entries(content)) {
      // The bytes of an image are no example that anyone could read, and a page is for people.
      if (!type.startsWith('image/') && type !== 'text/html' && !hasExample(media, await resolve(media.schema))) {
        missing.push(`${name} ${status} ${type}`);
      }
    }
  }
  return missing;
}

test('the document is valid OpenAPI 3.1', async () => {
  const parsed = await document;
  const result = await new Validator().validate(structuredClone(parsed));
  assert.deepEqual(result.errors ?? [], []);
  assert.equal(result.valid, true);
  assert.match(parsed.openapi, /^3\.1\./);
});

test('every operation has an id of its own, a summary and tags', async () => {
  const ids = new Set();
  for (const { name, operation } of await operations()) {
    assert.ok(operation.operationId, `${name} has no operationId`);
    assert.ok(!ids.has(operation.operationId), `${operation.operationId} is used twice`);
    ids.add(operation.operationId);
    assert.ok(operation.summary?.trim(), `${name} has no summary`);
    assert.ok(operation.tags?.length > 0, `${name} has no tags`);
  }
});

test('every operation says what it answers, and every body has an example', async () => {
  const missing = [];
  for (const found of await operations()) {
    assert.ok(Object.keys(found.operation.responses ?? {}).length > 0, `${found.name} has no responses`);
    missing.push(...(await bodiesWithoutExample(found)));
  }
  assert.deepEqual(missing, []);
});

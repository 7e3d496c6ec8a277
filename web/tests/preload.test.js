import assert from 'node:assert/strict';
import path from 'node:path';
import test from 'node:test';

import { source } from './support/sources.js';

const html = await source('index.html');

/** Of a module: what it cannot start without. What it imports later, when wanted, is not meant. */
async function importsOf(module) {
  const text = await source(module);
  return [...text.matchAll(/^(?:import|export)\s(?:[^'";]*?\sfrom\s)?'([^']+)'/gm)].map(([, name]) =>
    path.posix.join(path.posix.dirname(module), name),
  );
}

async function reachableFrom(module, found = new Set()) {
  for (const name of await importsOf(module)) {
    if (!found.has(name)) {
      found.add(name);
      await reachableFrom(name, found);
    }
  }
  return found;
}

test('all modules of the first load are asked for at once, and no others', async () => {
  const wanted = [...(await reachableFrom('main.js'))].sort();
  const named = [...html.matchAll(/<link rel="modulepreload" href="([^"]+)">/g)].map(([, name]) => name);
  assert.ok(wanted.length > 10);
  assert.deepEqual(named.sort(), wanted);
});

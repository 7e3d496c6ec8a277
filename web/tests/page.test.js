import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import test from 'node:test';

const PUBLIC = new URL('../public/', import.meta.url);

const files = (await readdir(PUBLIC, { recursive: true })).filter((name) => /\.(html|js|css|svg)$/.test(name));
const html = await readFile(new URL('index.html', PUBLIC), 'utf8');

test('the page has no inline script, style or handler', () => {
  assert.doesNotMatch(html, /<style|\sstyle=|\son[a-z]+=|javascript:/i);
  for (const [tag] of html.matchAll(/<script\b[^>]*>/g)) {
    assert.match(tag, /src="[^"]+"/);
  }
});

for (const name of files) {
  test(`${name} names no other origin`, async () => {
    const text = await readFile(new URL(name, PUBLIC), 'utf8');
    const addresses = (text.match(/(?:https?:)?\/\/[a-z0-9][\w.-]*\.[a-z]{2,}\S*/gi) ?? []).filter(
      (address) => address !== 'http://www.w3.org/2000/svg"',
    );
    assert.deepEqual(addresses, []);
  });
}

/** Of the pages that the service writes itself (api/src/routes/page). */
const OF_THE_SERVICE = ['styles/answer.css'];

/** Of a component that is loaded later, by its name. */
async function isLoadedLater(sheet) {
  const [, component] = /^components\/([\w-]+)\/\1\.css$/.exec(sheet) ?? [];
  const scripts = await Promise.all(['main.js', 'browse.js', 'copying.js', 'uploading.js'].map((name) => readFile(new URL(name, PUBLIC), 'utf8')));
  return scripts.some((script) => script.includes(`'${sheet}'`) || script.includes(`'${component}'`));
}

test('every sheet and script that the page names exists, and every sheet is loaded by somebody', async () => {
  const named = [...html.matchAll(/(?:href|src)="([^"/#][^"]*)"/g)].map(([, path]) => path);
  // The pages that the service writes for browsers without JavaScript.
  const answer = await readFile(new URL('../../api/src/routes/page/mod.rs', import.meta.url), 'utf8');
  named.push(...[...answer.matchAll(/href="\/([^"]+)"/g)].map(([, path]) => path));
  for (const path of named) {
    assert.ok((await readFile(new URL(path, PUBLIC))).length > 0, path);
  }
  for (const sheet of files.filter((name) => name.endsWith('.css') && !named.includes(name))) {
    assert.ok(OF_THE_SERVICE.includes(sheet) || (await isLoadedLater(sheet)), sheet);
  }
});

test('every id is unique, and every label, description and name points at one', () => {
  const ids = [...html.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id);
  assert.equal(new Set(ids).size, ids.length);
  for (const [, references] of html.matchAll(/\s(?:for|aria-describedby|aria-labelledby)="([^"]+)"/g)) {
    for (const id of references.split(' ')) {
      assert.ok(ids.includes(id), id);
    }
  }
});

test('every custom property that is used is defined', async () => {
  const css = await Promise.all(files.filter((name) => name.endsWith('.css')).map((name) => readFile(new URL(name, PUBLIC), 'utf8')));
  const all = css.join('\n');
  const defined = new Set([...all.matchAll(/(--[\w-]+):/g)].map(([, name]) => name));
  const missing = [...all.matchAll(/var\((--[\w-]+)/g)].map(([, name]) => name).filter((name) => !defined.has(name));
  assert.deepEqual(missing, []);
});

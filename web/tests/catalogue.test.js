import assert from 'node:assert/strict';
import test from 'node:test';

import { fetchCatalogue } from '../public/lib/catalogue.js';

const answer = (body, status = 200) => () => Promise.resolve(new Response(body, { status }));
const broken = () => Promise.reject(new TypeError('Failed to fetch'));

/** Gives these answers one after the other, and notes what was asked. */
function giving(...answers) {
  const asked = [];
  const get = (path) => {
    asked.push(path);
    return answers[asked.length - 1]();
  };
  return { asked, get };
}

test('the wanted catalogue is fetched, once', async () => {
  const { asked, get } = giving(answer('{"dir":"ltr"}'));
  assert.deepEqual(await fetchCatalogue('de', get), { language: 'de', texts: { dir: 'ltr' } });
  assert.deepEqual(asked, ['locales/de.json']);
});

for (const [why, bad] of [
  ['a broken connection', broken],
  ['an error', answer('{}', 503)],
  ['a login page', answer('<!doctype html><title>Log in</title>')],
]) {
  test(`after ${why} it is fetched again, and then that of the language of the page`, async () => {
    const again = giving(bad, answer('{"dir":"ltr"}'));
    assert.equal((await fetchCatalogue('de', again.get)).language, 'de');

    const other = giving(bad, bad, answer('{"dir":"ltr"}'));
    assert.equal((await fetchCatalogue('de', other.get)).language, 'en');
    assert.deepEqual(other.asked, ['locales/de.json', 'locales/de.json', 'locales/en.json']);

    assert.equal(await fetchCatalogue('de', giving(bad, bad, bad).get), null);
  });
}

test('it is not waited for without end', async () => {
  let limit = null;
  await fetchCatalogue('en', (path, { signal }) => {
    limit = signal;
    return answer('{}')();
  });
  assert.ok(limit instanceof AbortSignal);
});

/* What is tried again by itself, when, under which key, and what is not. */

import assert from 'node:assert/strict';

import { imagesOf } from './support/api.js';
import { collectKeys, fill, formOf, resultOf, rowOf } from './support/form.js';
import { noisePng } from './support/images.js';
import { expectSoon } from './support/soon.js';
import { suite } from './support/suite.js';

const { itBehindGate } = suite();

const small = (...names) => names.map((name) => noisePng(20, name));
const minutes = (count) => count * 60_000;

itBehindGate(
  'a connection that is cut in the middle of a file is tried again by itself, under the same key',
  async (page, gate, server) => {
    const keys = collectKeys(page);
    await page.goto(gate.url);
    await fill(page, { file: noisePng(900), name: 'Ada cut off' });
    let cuts = 0;
    gate.onPost = (post) => post.pass();
    gate.cuts = () => {
      const cut = keys.length < 2;
      cuts += cut ? 1 : 0;
      return cut;
    };
    await formOf(page).submit.click();
    await resultOf(page).title.waitFor();
    assert.ok(cuts > 0);
    assert.ok(keys.length >= 2);
    assert.equal(new Set(keys).size, 1);
    assert.equal((await imagesOf(server, 'Ada cut off')).length, 1);
  },
  { complaints: [/ERR_/] },
);

itBehindGate(
  'an answer that is lost is asked for again by itself, under the same key, and the image is stored once',
  async (page, gate, server) => {
    const keys = collectKeys(page);
    await page.goto(gate.url);
    await fill(page, { file: small('n1.png'), name: 'Ada unheard' });
    gate.onPost = (post) => (keys.length < 2 ? post.loseAnswer() : post.pass());
    await formOf(page).submit.click();
    await resultOf(page).title.waitFor();
    assert.ok(gate.posts.length >= 2);
    assert.equal(new Set(gate.posts.map(({ key }) => key)).size, 1);
    assert.equal((await imagesOf(server, 'Ada unheard')).length, 1);
  },
  { complaints: [/ERR_/] },
);

itBehindGate(
  'a server that is away for a time that it names is left alone for so long, and others go on',
  async (page, gate, server) => {
    await page.clock.install();
    await page.goto(gate.url);
    await fill(page, { file: small('n1.png', 'n2.png', 'n3.png', 'n4.png'), name: 'Ada patient' });
    await formOf(page).submit.click();
    const [first] = await gate.waiting(3);
    first.answer(503, { code: 'disk-unavailable' }, { 'Retry-After': '600' });
    await rowOf(page, first.fileName).state.getByText(/Trying again in (60\d|5\d\d) seconds\.$/).waitFor();
    await gate.openWide();
    await page.getByText('3 of 4 uploaded').waitFor();

    await page.clock.fastForward(minutes(8));
    await rowOf(page, first.fileName).state.getByText(/Trying again in 1?\d\d seconds\.$/).waitFor();
    assert.equal(gate.posts.length, 4, 'not yet');
    await page.clock.fastForward(minutes(3));
    await page.getByText('4 of 4 uploaded').waitFor();
    assert.equal(gate.posts.length, 5);
    assert.equal(gate.posts[4].key, first.key);
    assert.equal((await imagesOf(server, 'Ada patient')).length, 4);
  },
  { complaints: [/503/] },
);

itBehindGate(
  'too many requests holds the others back as well',
  async (page, gate, server) => {
    await page.clock.install();
    await page.goto(gate.url);
    await fill(page, { file: small('n1.png', 'n2.png', 'n3.png', 'n4.png', 'n5.png'), name: 'Ada held back' });
    await formOf(page).submit.click();
    const [first, ...others] = await gate.waiting(3);
    first.answer(429, { code: 'rate-limited' }, { 'Retry-After': '600' });
    await rowOf(page, first.fileName).state.getByText(/Trying again in/).waitFor();
    await Promise.all(others.map((post) => post.pass()));
    await page.getByText('2 of 5 uploaded').waitFor();
    await page.clock.fastForward(minutes(8));
    await rowOf(page, first.fileName).state.getByText(/Trying again in 1?\d\d seconds\.$/).waitFor();
    for (const name of ['n4.png', 'n5.png']) {
      assert.equal(await rowOf(page, name).state.textContent(), 'Waits for its turn');
    }
    assert.equal(gate.posts.length, 3);

    await gate.openWide();
    await page.clock.fastForward(minutes(3));
    await page.getByText('5 of 5 uploaded').waitFor();
    assert.equal(gate.posts.length, 6);
    assert.equal((await imagesOf(server, 'Ada held back')).length, 5);
  },
  { complaints: [/429/] },
);

itBehindGate(
  'what would fail again is not tried again: too large, for a proxy as well, and no image',
  async (page, gate, server) => {
    await page.clock.install();
    await page.goto(gate.url);
    await fill(page, { file: small('large.png', 'text.png', 'proxy.png', 'good.png'), name: 'Ada in vain' });
    const refusals = {
      'large.png': (post) => post.answer(413, { code: 'file-too-large', max_upload_bytes: 1024 }),
      'text.png': (post) => post.answer(415, { code: 'media-type-unsupported', accepted_media_types: ['image/jpeg'] }),
      'proxy.png': (post) => post.answer(413, '<h1>Request Entity Too Large</h1>'),
      'good.png': (post) => post.pass(),
    };
    gate.onPost = (post) => refusals[post.fileName](post);
    await formOf(page).submit.click();
    await page.getByText('1 of 4 uploaded, 3 failed').waitFor();
    await page.clock.fastForward(minutes(20));
    assert.match(await rowOf(page, 'large.png').alert.textContent(), /“large\.png” is too large: the limit is 1\sKB/);
    assert.match(await rowOf(page, 'text.png').alert.textContent(), /“text\.png” is not really an image/);
    assert.match(await rowOf(page, 'proxy.png').alert.textContent(), /“proxy\.png” is too large for this server/);
    assert.equal(await formOf(page).tryAgain.count(), 0, 'not by hand either');
    assert.equal(gate.posts.length, 4);
    assert.deepEqual((await imagesOf(server, 'Ada in vain')).map(({ file_name: name }) => name), ['good.png']);
  },
  { complaints: [/41[35]/] },
);

itBehindGate(
  'what fails for too long is given up after five tries by itself, until the person says so',
  async (page, gate, server) => {
    await page.clock.install();
    await page.goto(gate.url);
    await fill(page, { file: small('n1.png'), name: 'Ada insists' });
    gate.onPost = (post) => post.answer(502, '<h1>Bad Gateway</h1>');
    await formOf(page).submit.click();
    const { state, alert, tryAgain } = rowOf(page, 'n1.png');
    for (let tries = 1; tries <= 5; tries += 1) {
      await expectSoon(() => gate.posts.length, tries);
      await state.getByText(/Trying again in/).waitFor();
      await page.clock.fastForward(minutes(1));
    }
    await alert.getByText('The server is not available just now.').waitFor();
    await page.clock.fastForward(minutes(60));
    assert.equal(gate.posts.length, 6);

    gate.onPost = (post) => post.pass();
    await tryAgain.click();
    await resultOf(page).title.waitFor();
    assert.equal(new Set(gate.posts.map(({ key }) => key)).size, 1);
    assert.equal((await imagesOf(server, 'Ada insists')).length, 1);
  },
  { complaints: [/502/] },
);

itBehindGate(
  '“Retry failed” sends all that failed again, each under its own key as before',
  async (page, gate, server) => {
    await page.goto(gate.url);
    await fill(page, { file: small('n1.png', 'n2.png', 'n3.png', 'n4.png'), name: 'Ada again' });
    gate.onPost = (post) => (post.fileName === 'n2.png' ? post.pass() : post.answer(500, { code: 'internal-error' }));
    await formOf(page).submit.click();
    await page.getByText('1 of 4 uploaded, 3 failed').waitFor();
    const failed = gate.posts.filter(({ fileName }) => fileName !== 'n2.png');

    gate.onPost = (post) => post.pass();
    await formOf(page).retryFailed.click();
    await page.getByText('4 of 4 uploaded').waitFor();
    const again = gate.posts.slice(4);
    const byName = (posts) => posts.map(({ fileName, key }) => `${fileName} ${key}`).sort();
    assert.deepEqual(byName(again), byName(failed));
    assert.equal((await imagesOf(server, 'Ada again')).length, 4);
  },
  { complaints: [/500/] },
);

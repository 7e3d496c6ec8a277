/* Many files on their way: three at a time, watched, held up, cancelled, without a connection, and not to be left. */

import assert from 'node:assert/strict';

import { imagesOf } from './support/api.js';
import { slowUploads } from './support/browser.js';
import { collectKeys, fill, formOf, resultOf, rowOf } from './support/form.js';
import { noisePng } from './support/images.js';
import { expectSoon } from './support/soon.js';
import { suite } from './support/suite.js';

const { it, itBehindGate } = suite();

const namesOf = async (server, uploader) => (await imagesOf(server, uploader)).map(({ file_name: name }) => name).sort();
const numbered = (count) => Array.from({ length: count }, (_, index) => `n${index + 1}.png`);
const small = (names) => names.map((name) => noisePng(20, name));

itBehindGate('of seven files never more than three are on their way, in the order of choosing', async (page, gate, server) => {
  const names = numbered(7);
  await page.goto(gate.url);
  await fill(page, { file: small(names), name: 'Ada seven' });
  await formOf(page).submit.click();

  const first = await gate.waiting(3);
  assert.deepEqual(first.map(({ fileName }) => fileName).sort(), names.slice(0, 3), 'those at the front, in parallel');
  const begun = names.slice(0, 3);
  for (const next of names.slice(3)) {
    assert.equal(await rowOf(page, next).state.textContent(), 'Waits for its turn');
    const [oldest] = await gate.waiting(3);
    await oldest.pass();
    begun.push((await gate.waiting(3)).at(-1).fileName);
  }
  assert.deepEqual(begun, names);
  await gate.openWide();
  await page.getByText('7 of 7 uploaded').waitFor();
  assert.equal(gate.mostOpen, 3);
  assert.equal(gate.posts.length, 7);
  assert.deepEqual(await namesOf(server, 'Ada seven'), names);
});

it('the bars of each file and of all move on, never back, with speed and time left', async (page, { server }) => {
  await page.goto(server.url);
  const names = ['one.png', 'two.png'];
  await fill(page, { file: names.map((name) => noisePng(700, name)), name: 'Ada watches' });
  await page.evaluate(() => {
    globalThis.seen = { bars: {}, lines: [] };
    const look = () => {
      for (const bar of document.querySelectorAll('upload-row progress, upload-totals progress')) {
        const values = (globalThis.seen.bars[bar.id] ??= []);
        if (bar.hasAttribute('value') && bar.value !== values.at(-1)) {
          values.push(bar.value);
        }
      }
      globalThis.seen.lines.push(document.querySelector('upload-totals [data-part=line]').textContent);
    };
    new MutationObserver(look).observe(document.querySelector('upload-form'), { attributes: true, childList: true, subtree: true });
  });
  await slowUploads(page, 250 * 1024);
  await formOf(page).submit.click();
  await page.getByText('2 of 2 uploaded').waitFor();

  const { bars, lines } = await page.evaluate(() => globalThis.seen);
  assert.equal(Object.keys(bars).length, 3);
  for (const [bar, values] of Object.entries(bars)) {
    assert.ok(values.length >= 4, `${bar} moves: ${values}`);
    assert.deepEqual(values, values.toSorted((a, b) => a - b), `${bar} never goes back`);
  }
  assert.equal(await formOf(page).totals.getAttribute('value'), '100');
  assert.ok(lines.some((line) => /^0 of 2 uploaded, .* of 1\.4\sMB, [\d.]+\s[KM]B\/s, \d+ seconds? left$/.test(line)), lines.at(-2));
  assert.equal(lines.at(-1), '2 of 2 uploaded', 'no speed when nothing moves');
});

it('a line that stands still for 15 seconds is told, and the upload ends well when it moves again', async (page, { server }) => {
  const keys = collectKeys(page);
  await page.clock.install();
  await page.goto(server.url);
  await fill(page, { file: noisePng(900), name: 'Ada held up' });
  const hurry = await slowUploads(page, 1);
  // From here on time passes only as it is told to.
  await page.clock.pauseAt(await page.evaluate(() => Date.now() + 60_000));
  await formOf(page).submit.click();
  const { state } = rowOf(page, 'noise.png');
  await state.getByText(/^Sending/).waitFor();
  await expectSoon(() => keys.length, 1);
  await page.clock.runFor(15_500);
  await state.getByText('Nothing has moved for 15 seconds.').waitFor();
  await hurry();
  await resultOf(page).title.waitFor();
  assert.equal(keys.length, 1, 'the same try');
  assert.deepEqual(await namesOf(server, 'Ada held up'), ['noise.png']);
});

it('one that is cancelled is not on the server, and the others arrive', async (page, { server }) => {
  const names = numbered(5);
  await page.goto(server.url);
  await fill(page, { file: names.map((name) => noisePng(300, name)), name: 'Ada cancels one' });
  const hurry = await slowUploads(page, 60 * 1024);
  await formOf(page).submit.click();
  await page.waitForFunction(() => document.querySelectorAll('upload-row progress')[1]?.value >= 5);
  await rowOf(page, 'n2.png').cancel.click();
  await rowOf(page, 'n2.png').state.getByText('Cancelled').waitFor();
  await hurry();
  await page.getByText('4 of 4 uploaded').waitFor();
  assert.deepEqual(await namesOf(server, 'Ada cancels one'), ['n1.png', 'n3.png', 'n4.png', 'n5.png']);
});

itBehindGate('cancelling all leaves what is there already, and sends nothing more', async (page, gate, server) => {
  const names = numbered(5);
  await page.goto(gate.url);
  await fill(page, { file: small(names), name: 'Ada cancels all' });
  await formOf(page).submit.click();
  const [first] = await gate.waiting(3);
  await first.pass();
  await resultOf(page, first.fileName).title.waitFor();
  await gate.waiting(3);
  await formOf(page).cancelAll.click();
  await gate.waiting(0);
  assert.deepEqual(await formOf(page).uploads.locator('upload-row').evaluateAll((rows) => rows.map((row) => row.dataset.state).sort()), [
    ...Array.from({ length: 4 }, () => 'cancelled'),
    'done',
  ]);
  assert.equal(gate.posts.length, 4, 'the fifth never began');
  assert.deepEqual(await namesOf(server, 'Ada cancels all'), [first.fileName]);
});

itBehindGate(
  'without a connection it says so, waits, and goes on by itself when there is one',
  async (page, gate, server) => {
    const names = numbered(4);
    const offline = page.locator('upload-totals').getByText('You are offline.');
    await page.goto(gate.url);
    await fill(page, { file: small(names), name: 'Ada away' });
    await rowOf(page, 'n4.png').state.getByText('Ready').waitFor();
    await page.context().setOffline(true);
    await offline.waitFor();
    await formOf(page).submit.click();
    for (const name of names) {
      await rowOf(page, name).state.getByText('Waiting for the connection').waitFor();
    }
    assert.equal(gate.posts.length, 0);
    assert.ok(await offline.isVisible());

    await page.context().setOffline(false);
    assert.equal((await gate.waiting(3)).length, 3);
    assert.equal(await offline.isVisible(), false);
    await gate.openWide();
    await page.getByText('4 of 4 uploaded').waitFor();
    assert.deepEqual(await namesOf(server, 'Ada away'), names);
  },
  { complaints: [/ERR_INTERNET_DISCONNECTED/] },
);

itBehindGate(
  'a connection that goes away under way costs no image and stores none twice',
  async (page, gate, server) => {
    const names = numbered(5);
    const keys = collectKeys(page);
    await page.goto(gate.url);
    await fill(page, { file: small(names), name: 'Ada in a tunnel' });
    await formOf(page).submit.click();
    const [first] = await gate.waiting(3);
    await page.context().setOffline(true);
    await page.locator('upload-totals').getByText('You are offline.').waitFor();
    // The server has it; whether its answer still gets through is the line's affair.
    await first.loseAnswer();
    await rowOf(page, 'n5.png').state.getByText('Waiting for the connection').waitFor();
    await rowOf(page, first.fileName).state.getByText('Waiting for the connection').waitFor();
    assert.equal(keys.length <= 4, true, `nothing new while away: ${keys.length}`);

    await page.context().setOffline(false);
    await gate.openWide();
    await page.getByText('5 of 5 uploaded').waitFor();
    assert.equal(new Set(keys).size, 5, 'each under its own key, however often');
    assert.deepEqual(await namesOf(server, 'Ada in a tunnel'), names);
  },
  { complaints: [/ERR_/] },
);

itBehindGate('warns before the page is left while something is not uploaded, and not when all is', async (page, gate) => {
  const tryToLeave = async () => {
    const asked = page.waitForEvent('dialog');
    await page.close({ runBeforeUnload: true });
    const dialog = await asked;
    assert.equal(dialog.type(), 'beforeunload');
    await dialog.dismiss();
  };
  await page.goto(gate.url);
  await fill(page, { file: small(['n1.png']), name: 'Ada stays' });
  // Browsers ask only people who have done something in the page.
  await rowOf(page, 'n1.png').description.click();
  await tryToLeave();
  await formOf(page).submit.click();
  const [post] = await gate.waiting(1);
  await tryToLeave();
  await post.pass();
  await resultOf(page).title.waitFor();

  const dialogs = [];
  page.on('dialog', (dialog) => {
    dialogs.push(dialog.type());
    dialog.accept();
  });
  const left = page.waitForEvent('close');
  await page.close({ runBeforeUnload: true });
  await left;
  assert.deepEqual(dialogs, [], 'nothing would be lost');
});

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';

import { block, imagesOf, statusOf, upload } from './support/api.js';
import { cardsOf, collectKeys, fill, formOf, resultOf, uploadByHand } from './support/form.js';
import { fixture, noisePng } from './support/images.js';
import { expectSoon } from './support/soon.js';
import { suite } from './support/suite.js';

const KEY = 'key-of-the-phone-962f56cc579b7b92';

const { it } = suite({
  UPLOAD_KEYS: `phone:${createHash('sha256').update(KEY).digest('hex')}`,
  PUBLIC_LISTING: 'false',
  ADMIN_KEY: 'key-of-the-operator-d36e23d022f67380',
});

const isFocused = (locator) => locator.evaluate((element) => element === document.activeElement);
const alerts = (page) => page.getByRole('alert').filter({ hasText: /./ });

function collectRequests(page) {
  const requests = [];
  page.on('request', (request) => requests.push(request));
  return requests;
}

/** Everything that the browser keeps for this site, in one text. */
function kept(page) {
  return page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href]));
}

/** What a screen reader says of the field beside its name. */
function descriptionOf(locator) {
  return locator.evaluate((input) =>
    input
      .getAttribute('aria-describedby')
      .split(' ')
      .map((id) => document.getElementById(id).textContent)
      .join(' '),
  );
}

/** The limits do not come before they are let go. @returns {Promise<() => void>} */
async function holdLimits(page) {
  let letGo;
  const held = new Promise((resolve) => {
    letGo = resolve;
  });
  await page.route('**/api/v1/limits', async (route) => {
    await held;
    await route.continue();
  });
  return letGo;
}

it('asks for the key, sends it in a header of the upload alone, and keeps it nowhere', async (page, { server }) => {
  const requests = collectRequests(page);
  const said = [];
  page.on('console', (message) => said.push(message.text()));
  await page.goto(server.url);
  await formOf(page).uploadKey.waitFor();
  assert.equal(await formOf(page).uploadKey.getAttribute('type'), 'password');
  assert.match(await descriptionOf(formOf(page).uploadKey), /people who have a key\. Ask whoever runs it\./);
  assert.equal(await formOf(page).remember.isChecked(), false);

  await formOf(page).uploadKey.fill(`  ${KEY} `);
  await uploadByHand(page, { file: await fixture('hills.jpg'), name: 'Ada with key' });
  assert.equal((await imagesOf(server, 'Ada with key')).length, 1);

  const withKey = requests.filter((request) => request.headers().authorization === `Bearer ${KEY}`);
  assert.deepEqual(withKey.map((request) => request.method()), ['POST']);
  assert.deepEqual(requests.filter((request) => request.url().includes(KEY)), []);
  assert.doesNotMatch(said.join('\n'), new RegExp(KEY));
  assert.ok(!(await kept(page)).includes(KEY));
  assert.equal(await formOf(page).uploadKey.inputValue(), `  ${KEY} `, 'ready for the next image');
});

it('asks for a key that was left out or copied wrong, at its field and before sending', async (page, { server }) => {
  const keys = collectKeys(page);
  await page.goto(server.url);
  await formOf(page).uploadKey.waitFor();
  await fill(page, { file: await fixture('lake.png'), name: 'Ada forgot' });
  await formOf(page).submit.click();
  assert.deepEqual(await alerts(page).allTextContents(), ['Write your upload key: this site takes uploads only with one.']);
  assert.equal(await isFocused(formOf(page).uploadKey), true);

  await page.keyboard.type(`Bearer ${KEY}`);
  assert.deepEqual(await alerts(page).allTextContents(), [], 'it is being put right');
  await page.keyboard.press('Enter');
  assert.match((await alerts(page).allTextContents()).join(), /^This cannot be an upload key/);
  assert.equal(await formOf(page).uploadKey.getAttribute('aria-invalid'), 'true');
  assert.match(await descriptionOf(formOf(page).uploadKey), /cannot be an upload key/);
  assert.deepEqual(keys, [], 'nothing was sent');
});

it(
  'tells at its field that a key is not known, loses nothing, and tries again under the same Idempotency-Key',
  async (page, { server }) => {
    const keys = collectKeys(page);
    await page.goto(server.url);
    await formOf(page).uploadKey.fill('not-the-key');
    await formOf(page).remember.check();
    // Large: it is refused while most of it is still on its way.
    await fill(page, { file: noisePng(900), name: 'Ada mistook', description: 'Noise' });
    await formOf(page).submit.click();

    await page.getByText('This upload key is not known here.').waitFor();
    assert.equal(await isFocused(formOf(page).uploadKey), true);
    assert.match(await descriptionOf(formOf(page).uploadKey), /not known here/);
    assert.equal(await formOf(page).name.inputValue(), 'Ada mistook');
    assert.equal(await formOf(page).description.inputValue(), 'Noise');

    await formOf(page).uploadKey.fill(KEY);
    await formOf(page).submit.click();
    await resultOf(page).title.waitFor();
    assert.equal(keys.length, 2);
    assert.equal(keys[1], keys[0]);
    const [image] = await imagesOf(server, 'Ada mistook');
    assert.equal(image.alt, 'Noise');
    assert.ok((await kept(page)).includes(KEY), 'the right one is remembered');
    assert.ok(!(await kept(page)).includes('not-the-key'), 'the wrong one no longer');
  },
  { complaints: [/403/] },
);

it(
  'brings the field up when the server asks for a key that the page did not know of',
  async (page, { server }) => {
    const keys = collectKeys(page);
    await page.route('**/api/v1/limits', (route) => route.abort());
    await page.goto(server.url);
    // Without the limits the page has to find out by asking.
    await page.getByRole('heading', { name: 'Your images' }).waitFor();
    assert.equal(await formOf(page).uploadKey.count(), 0);
    await fill(page, { file: noisePng(900), name: 'Ada unaware', description: 'Noise' });
    await formOf(page).submit.click();

    await page.getByText('This site takes uploads only with an upload key.').waitFor();
    assert.equal(await isFocused(formOf(page).uploadKey), true);
    assert.equal(await formOf(page).description.inputValue(), 'Noise');
    await page.keyboard.type(KEY);
    await page.keyboard.press('Enter');
    await resultOf(page).title.waitFor();
    assert.equal(keys.length, 2);
    assert.equal(keys[1], keys[0]);
    assert.equal((await imagesOf(server, 'Ada unaware')).length, 1);
  },
  { complaints: [/401/, /ERR_/] },
);

it('limits that come late move and lose nothing that is being written', async (page, { server }) => {
  const letGo = await holdLimits(page);
  await page.goto(server.url);
  await fill(page, { file: await fixture('hills.jpg'), name: 'Ada', description: 'Hills' });
  await formOf(page).name.focus();
  await page.keyboard.press('End');
  await page.keyboard.type(' early');
  const fields = ['file', 'name', 'description'];
  const places = () => Promise.all(fields.map((field) => formOf(page)[field].boundingBox()));
  const before = await places();
  assert.equal(await formOf(page).uploadKey.count(), 0);

  letGo();
  await formOf(page).uploadKey.waitFor();
  assert.deepEqual(await places(), before);
  assert.equal(await isFocused(formOf(page).name), true);
  await page.keyboard.type(' bird');
  await formOf(page).uploadKey.fill(KEY);
  await formOf(page).submit.click();
  await resultOf(page).title.waitFor();
  const [image] = await imagesOf(server, 'Ada early bird');
  assert.deepEqual([image.alt, image.file_name], ['Hills', 'hills.jpg']);
});

it('remembers the key where the person wants that, until they want it forgotten', async (page, { server }) => {
  // Tabs of their own: a reload would fill the fields by the browser's own memory.
  const open = async () => {
    const next = await page.context().newPage();
    await next.goto(server.url);
    await formOf(next).uploadKey.waitFor();
    return next;
  };
  await page.goto(server.url);
  await formOf(page).uploadKey.fill(KEY);
  await formOf(page).remember.check();

  const second = await open();
  assert.equal(await formOf(second).uploadKey.inputValue(), KEY);
  assert.equal(await formOf(second).remember.isChecked(), true);
  await uploadByHand(second, { file: await fixture('lake.png'), name: 'Ada remembered key' });
  await formOf(second).remember.uncheck();
  await second.getByText('This device no longer remembers the key.').waitFor();
  assert.ok(!(await kept(second)).includes(KEY));

  const third = await open();
  assert.equal(await formOf(third).uploadKey.inputValue(), '');
  assert.equal(await formOf(third).remember.isChecked(), false);
});

it('a remembered key goes along while the limits are unknown', async (page, { server }) => {
  await page.addInitScript((key) => localStorage.setItem('image-handler.upload-key', key), KEY);
  await holdLimits(page);
  await page.goto(server.url);
  await uploadByHand(page, { file: await fixture('lake.png'), name: 'Ada ahead of limits' });
  assert.equal((await imagesOf(server, 'Ada ahead of limits')).length, 1);
});

it(
  'does not ask for the images of others, and lists those that were uploaded from this browser',
  async (page, { server }) => {
    const requests = collectRequests(page);
    await upload(server, await fixture('dusk.gif'), { uploader: 'Grace elsewhere' });
    await page.goto(server.url);
    const gallery = page.getByRole('region', { name: 'Your images' });
    await gallery.getByText('No images yet. Those that you upload from this browser are listed here.').waitFor();
    await formOf(page).uploadKey.fill(KEY);
    await formOf(page).remember.check();
    await uploadByHand(page, { file: await fixture('hills.jpg'), name: 'Ada lists hers' });
    await uploadByHand(page, { file: await fixture('lake.png'), name: 'Ada lists another' });
    const [image] = await imagesOf(server, 'Ada lists hers');

    await page.reload();
    await cardsOf(page, 'Ada lists hers').waitFor();
    assert.deepEqual(await gallery.locator('[data-part=uploader]').allTextContents(), ['Ada lists another', 'Ada lists hers']);
    await cardsOf(page, 'Ada lists hers').getByRole('button', { name: /^Delete/ }).click();
    await cardsOf(page, 'Ada lists hers').waitFor({ state: 'detached' });
    assert.equal(await gallery.getByRole('button', { name: 'Everyone’s' }).count(), 0, 'there is no choice');
    assert.equal(await gallery.getByRole('searchbox').count(), 0);

    await page.reload();
    // Leaving the page has sent the delete.
    await expectSoon(() => statusOf(server, image.id), 410);
    await cardsOf(page, 'Ada lists another').waitFor();
    const lists = requests.filter((request) => request.method() === 'GET' && /\/images(\?|$)/.test(request.url()));
    assert.deepEqual(lists, []);
  },
  // The delete may have been faster than the list.
  { complaints: [/410/] },
);

it(
  'leaves out and forgets what was deleted elsewhere',
  async (page, { server }) => {
    await page.goto(server.url);
    await formOf(page).uploadKey.fill(KEY);
    // Not one of the fixtures: it cannot be uploaded again.
    await uploadByHand(page, { file: noisePng(8), name: 'Ada taken down' });
    const [image] = await imagesOf(server, 'Ada taken down');
    await block(server, image.id, 'a test');
    await page.reload();
    await page.getByText('No images yet.').waitFor();
    assert.ok(!(await kept(page)).includes(image.id));
  },
  { complaints: [/410/] },
);

it(
  'says why an image is blocked, as it was written',
  async (page, { server }) => {
    const file = await fixture('dusk.webp');
    const { id } = await upload(server, file);
    await block(server, id, '<b onclick="alert()">not ours</b>');
    await page.goto(server.url);
    await formOf(page).uploadKey.fill(KEY);
    await fill(page, { file, name: 'Ada blocked' });
    await formOf(page).submit.click();
    await page.getByText('“dusk.webp” cannot be uploaded here.').waitFor();
    assert.match((await alerts(page).allTextContents()).join(), /The reason: <b onclick="alert\(\)">not ours<\/b>\./);
    assert.equal(await formOf(page).tryAgain.count(), 0, 'the same again would fail again');
  },
  { complaints: [/451/] },
);

it('is reached and used with the keyboard, in the order in which it is read', async (page, { server }) => {
  await page.goto(server.url);
  await formOf(page).uploadKey.waitFor();
  await formOf(page).file.focus();
  for (const control of ['uploadKey', 'remember', 'submit']) {
    await page.keyboard.press('Tab');
    assert.equal(await isFocused(formOf(page)[control]), true, control);
  }
});

for (const colorScheme of ['light', 'dark']) {
  it(
    `fits a screen of 320 pixels in ${colorScheme}, with an error at the key`,
    async (page, { server }) => {
      await page.goto(server.url);
      await formOf(page).uploadKey.fill(`${'W'.repeat(90)} ${'W'.repeat(90)}`);
      await formOf(page).submit.click();
      await page.getByText('This cannot be an upload key').waitFor();
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 320);
    },
    { context: { viewport: { width: 320, height: 640 }, colorScheme } },
  );
}

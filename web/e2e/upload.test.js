import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';

import { imagesOf } from './support/api.js';
import { slowUploads } from './support/browser.js';
import { cardsOf, collectKeys, fill, formOf, isLoaded, listen, resultOf, rowOf, uploadByHand } from './support/form.js';
import { fixture, noisePng } from './support/images.js';
import { expectSoon } from './support/soon.js';
import { suite } from './support/suite.js';

const { it } = suite();

const alerts = (page) => page.getByRole('alert').filter({ hasText: /./ });

it('uploads a chosen image and shows it as a result and in the gallery', async (page, { server }) => {
  await page.goto(server.url);
  await uploadByHand(page, { file: await fixture('hills.jpg'), name: 'Ada by hand', description: 'Hills at dusk' });

  const result = resultOf(page);
  assert.equal(await result.picture.getAttribute('alt'), 'Hills at dusk');
  assert.ok(await isLoaded(result.picture));
  const picture = cardsOf(page, 'Ada by hand').getByRole('img', { name: 'Hills at dusk' });
  assert.ok(await isLoaded(picture));
  assert.deepEqual(
    [await picture.getAttribute('width'), await picture.getAttribute('height')],
    ['320', '240'],
    'its place is known before it arrives',
  );

  const [image] = await imagesOf(server, 'Ada by hand');
  assert.equal(image.alt, 'Hills at dusk');
  assert.equal(image.file_name, 'hills.jpg');
  assert.equal(await formOf(page).submit.textContent(), 'Upload', 'ready for the next image');
});

it('uploads several, each with its own description, and each becomes a result', async (page, { server }) => {
  await page.goto(server.url);
  await fill(page, { file: [await fixture('hills.jpg'), await fixture('lake.png')], name: 'Ada with two' });
  await rowOf(page, 'lake.png').description.fill('A lake');
  await formOf(page).submit.click();
  await resultOf(page, 'hills.jpg').title.waitFor();
  await resultOf(page, 'lake.png').title.waitFor();

  const images = await imagesOf(server, 'Ada with two');
  assert.deepEqual(images.map(({ file_name: name, alt }) => [name, alt]).sort(), [['hills.jpg', null], ['lake.png', 'A lake']]);
  assert.equal(await resultOf(page, 'hills.jpg').picture.getAttribute('alt'), 'Image uploaded by Ada with two, without a description');
  await page.getByText('2 of 2 uploaded').waitFor();

  await formOf(page).hideDone.click();
  assert.equal(await resultOf(page).card.count(), 0);
  assert.equal(await formOf(page).submit.evaluate((button) => button === document.activeElement), true);
});

it('says what was added, that it starts, half, and what became of it, each once', async (page, { server }) => {
  await page.goto(server.url);
  const heard = await listen(page);
  await fill(page, { file: [noisePng(600, 'one.png'), noisePng(600, 'two.png'), noisePng(2048, 'huge.png')], name: 'Ada aloud' });
  await page.waitForFunction(() => globalThis.heard.join(' ').includes('3 files added, 1 cannot be uploaded.'));
  await slowUploads(page, 500 * 1024);
  await formOf(page).submit.click();
  await page.waitForFunction(() => globalThis.heard.some((words) => words.includes('2 images uploaded.')));
  const said = (await heard()).join(' ');
  for (const words of ['Uploading 2 images', 'Half of it is sent', '2 images uploaded']) {
    assert.equal(said.split(words).length, 2, `${words}: ${said}`);
  }
  assert.doesNotMatch(said, /%/);
});

it('refuses a file that is too large before sending, and names the file and the limit', async (page, { server }) => {
  const keys = collectKeys(page);
  await page.goto(server.url);
  await page.getByText('up to 1 MB').waitFor();
  await fill(page, { file: noisePng(2048, 'huge.png'), name: 'Ada too large' });
  await page.getByText('“huge.png” is too large: it has 2 MB, the limit is 1 MB.').waitFor();

  await formOf(page).submit.click();
  const { remove, alert } = rowOf(page, 'huge.png');
  assert.equal(await remove.evaluate((button) => button === document.activeElement), true);
  assert.equal(await remove.getAttribute('aria-describedby'), await alert.getAttribute('id'));
  assert.deepEqual(keys, [], 'nothing was sent');

  // What is in order goes all the same.
  await formOf(page).file.setInputFiles(await fixture('lake.png'));
  await formOf(page).submit.click();
  await resultOf(page, 'lake.png').title.waitFor();
  assert.equal(keys.length, 1);
  assert.equal(await alert.count(), 1);
});

it('refuses a file of another type before sending, and names the types', async (page, { server }) => {
  const keys = collectKeys(page);
  await page.goto(server.url);
  await page.getByText('up to 1 MB').waitFor();
  await fill(page, { file: { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('hello') }, name: 'Ada' });
  await page.getByText('“notes.txt” is not an image that can be uploaded here. Choose a JPEG, PNG, GIF or WebP file.').waitFor();
  await formOf(page).submit.click();
  assert.deepEqual(keys, [], 'nothing was sent');
});

it(
  'tells in plain words when the server finds that a .png holds text',
  async (page, { server }) => {
    await page.goto(server.url);
    await fill(page, { file: { name: 'cat.png', mimeType: 'image/png', buffer: Buffer.from('meow\n'.repeat(40)) }, name: 'Ada disguised' });
    await formOf(page).submit.click();
    await page.getByText('“cat.png” is not really an image of a kind that can be uploaded here').waitFor();
    assert.equal(await formOf(page).tryAgain.count(), 0, 'the same again would fail again');
    assert.deepEqual(await imagesOf(server, 'Ada disguised'), []);
  },
  { complaints: [/415/] },
);

it('asks for a missing name and a missing file, at their fields', async (page, { server }) => {
  await page.goto(server.url);
  await formOf(page).name.fill('   ');
  await formOf(page).submit.click();
  await expectSoon(() => alerts(page).allTextContents(), ['Write your name: it is shown with the image.', 'Choose an image first.']);
  assert.equal(await formOf(page).name.evaluate((input) => input === document.activeElement), true, 'at the first');
  const description = await formOf(page).name.evaluate((input) =>
    input
      .getAttribute('aria-describedby')
      .split(' ')
      .map((id) => document.getElementById(id).textContent)
      .join(' '),
  );
  assert.match(description, /Write your name/);

  await formOf(page).name.fill('A');
  assert.deepEqual(await alerts(page).allTextContents(), ['Choose an image first.']);
});

it('shows how much has really left, and cancelling leaves nothing behind', async (page, { server }) => {
  await page.goto(server.url);
  await fill(page, { file: noisePng(900), name: 'Ada cancels' });
  // Slow to the end: at full speed the rest could leave before the browser gets to cancelling it.
  await slowUploads(page, 150 * 1024);
  await formOf(page).submit.click();

  const between = await page.waitForFunction(() => {
    const { value } = document.querySelector('upload-row progress');
    return value >= 5 && value <= 95 ? value : null;
  });
  const first = await between.jsonValue();
  await page.waitForFunction((before) => document.querySelector('upload-row progress').value > before, first);
  assert.match(await rowOf(page, 'noise.png').state.textContent(), /^Sending, \d+ %$/);
  assert.ok(await rowOf(page, 'noise.png').progress.isVisible(), 'a bar that is named by its file');

  await formOf(page).cancel.click();
  await rowOf(page, 'noise.png').state.getByText('Cancelled').waitFor();
  assert.equal(await rowOf(page, 'noise.png').tryAgain.evaluate((button) => button === document.activeElement), true);
  await page.reload();
  await cardsOf(page, 'First Comer').waitFor();
  assert.equal(await cardsOf(page, 'Ada cancels').count(), 0);
  assert.deepEqual(await imagesOf(server, 'Ada cancels'), []);
});

it('gives a public address and a link that both serve the image', async (page, { server }) => {
  await page.goto(server.url);
  await uploadByHand(page, { file: await fixture('hills.jpg'), name: 'Ada addresses' });
  await page.getByRole('heading', { name: '“hills.jpg” is stored' }).waitFor();

  const [image] = await imagesOf(server, 'Ada addresses');
  const result = resultOf(page);
  assert.equal(await result.publicAddress.textContent(), image.url);
  assert.equal(await result.link.textContent(), image.link);
  for (const locator of [result.publicAddress, result.link]) {
    const response = await fetch(await locator.getAttribute('href'));
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('content-type'), 'image/jpeg');
    const bytes = Buffer.from(await response.arrayBuffer());
    assert.equal(createHash('sha256').update(bytes).digest('hex'), image.sha256);
  }
});

it('says nothing of removed data where the file is published as it came', async (page, { server }) => {
  await page.goto(server.url);
  await uploadByHand(page, { file: await fixture('lake.png'), name: 'Ada unchanged' });
  const [image] = await imagesOf(server, 'Ada unchanged');
  assert.equal(image.received_sha256, image.sha256);
  assert.equal(await page.getByText('was removed').count(), 0);
});

it('asks for no upload key where none is needed, and sends none', async (page, { server }) => {
  await page.addInitScript(() => localStorage.setItem('image-handler.upload-key', 'of-another-time'));
  await page.goto(server.url);
  await page.getByText('up to 1 MB').waitFor();
  assert.equal(await page.locator('input[type=password]').count(), 0, 'not even hidden');
  const sent = page.waitForRequest((request) => request.method() === 'POST');
  await uploadByHand(page, { file: await fixture('lake.png'), name: 'Ada without key' });
  assert.equal((await sent).headers().authorization, undefined);
});

it('a description that is too long is told at its file, and sent when it is shorter', async (page, { server }) => {
  await page.goto(server.url);
  await page.getByText('up to 1 MB').waitFor();
  await fill(page, { file: [await fixture('hills.jpg'), await fixture('lake.png')], name: 'Ada at length' });
  const { description, alert } = rowOf(page, 'lake.png');
  await description.fill('W'.repeat(501));
  await formOf(page).submit.click();
  assert.match(await alert.textContent(), /501 characters/);
  assert.equal(await description.evaluate((field) => field === document.activeElement), true);
  assert.equal(await description.getAttribute('aria-invalid'), 'true');
  const describedBy = await description.getAttribute('aria-describedby');
  assert.ok(describedBy.split(' ').includes(await alert.getAttribute('id')));

  await description.fill('Short');
  assert.equal(await alert.count(), 0, 'it is being put right');
  await formOf(page).submit.click();
  await resultOf(page, 'lake.png').title.waitFor();
  assert.equal((await imagesOf(server, 'Ada at length')).length, 2);
});

it('shows where each image will be, until it is there, in rows of one height', async (page, { server }) => {
  await page.goto(server.url);
  await fill(page, { file: [noisePng(700, 'one.png'), await fixture('lake.png')], name: 'Ada in place' });
  const tops = () => formOf(page).uploads.locator(':scope > li').evaluateAll((rows) => rows.map((row) => row.offsetTop));
  const before = await tops();
  await slowUploads(page, 300 * 1024);
  await formOf(page).submit.click();
  await page.waitForFunction(() => document.querySelector('upload-row progress')?.value >= 5);
  assert.deepEqual(await tops(), before, 'on its way');
  await resultOf(page, 'one.png').title.waitFor();
  assert.deepEqual(await tops(), before, 'done');
});

it('warns before leaving while something is not uploaded, and not otherwise', async (page, { server }) => {
  await page.goto(server.url);
  const warns = () => page.evaluate(() => !dispatchEvent(new Event('beforeunload', { cancelable: true })));
  await formOf(page).file.waitFor();
  assert.equal(await warns(), false);
  await fill(page, { file: await fixture('hills.jpg'), name: 'Ada leaves' });
  assert.equal(await warns(), true, 'chosen and not sent');
  await formOf(page).submit.click();
  await resultOf(page).title.waitFor();
  assert.equal(await warns(), false, 'done');
});

it('remembers the name of the person', async (page, { server }) => {
  await page.goto(server.url);
  await uploadByHand(page, { file: await fixture('lake.png'), name: 'Ada remembered' });
  // A tab of its own: a reload would fill the field by the browser's own memory.
  const next = await page.context().newPage();
  await next.goto(server.url);
  assert.equal(await formOf(next).name.inputValue(), 'Ada remembered');
});

it('works where the browser forbids storage', async (page, { server }) => {
  await page.addInitScript(() => {
    Object.defineProperty(globalThis, 'localStorage', {
      get() {
        throw new DOMException('forbidden', 'SecurityError');
      },
    });
  });
  await page.goto(server.url);
  await uploadByHand(page, { file: await fixture('lake.png'), name: 'Ada forgetful' });
  await cardsOf(page, 'Ada forgetful').getByRole('button', { name: /^Delete/ }).waitFor();
});

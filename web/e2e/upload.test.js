import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';

import { imagesOf } from './support/api.js';
import { slowUploads } from './support/browser.js';
import { cardsOf, collectKeys, fill, formOf, isLoaded, resultOf, uploadByHand } from './support/form.js';
import { fixture, noisePng } from './support/images.js';
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
  assert.equal(await formOf(page).description.inputValue(), '', 'ready for the next image');
});

it('uploads an image that is dropped on the page', async (page, { server }) => {
  await page.goto(server.url);
  const { buffer, name, mimeType } = await fixture('lake.png');
  const dataTransfer = await page.evaluateHandle(
    ([bytes, fileName, type]) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([new Uint8Array(bytes)], fileName, { type }));
      return transfer;
    },
    [[...buffer], name, mimeType],
  );
  for (const event of ['dragenter', 'dragover', 'drop']) {
    await page.dispatchEvent('main', event, { dataTransfer });
  }
  await page.getByText('lake.png, 1.1 KB').waitFor();
  await formOf(page).name.fill('Grace by drop');
  await formOf(page).submit.click();
  await resultOf(page).title.waitFor();

  const [image] = await imagesOf(server, 'Grace by drop');
  assert.equal(image.content_type, 'image/png');
  assert.equal(await resultOf(page).picture.getAttribute('alt'), 'Image uploaded by Grace by drop, without a description');
});

it('refuses a file that is too large before sending, and names the file and the limit', async (page, { server }) => {
  const keys = collectKeys(page);
  await page.goto(server.url);
  await page.getByText('up to 1 MB').waitFor();
  await fill(page, { file: noisePng(2048, 'huge.png'), name: 'Ada too large' });
  await page.getByText('“huge.png” is too large: it has 2 MB, the limit is 1 MB.').waitFor();

  await formOf(page).submit.click();
  assert.equal(await formOf(page).file.evaluate((input) => input === document.activeElement), true);
  assert.equal(await formOf(page).file.getAttribute('aria-invalid'), 'true');
  assert.deepEqual(keys, [], 'nothing was sent');
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
  assert.deepEqual(await alerts(page).allTextContents(), [
    'Choose an image first.',
    'Write your name: it is shown with the image.',
  ]);
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
    const { value } = document.querySelector('progress');
    return value >= 5 && value <= 95 ? value : null;
  });
  const first = await between.jsonValue();
  await page.waitForFunction((before) => document.querySelector('progress').value > before, first);
  assert.match(await page.getByText(/^Sending, \d+ %$/).textContent(), /\d/);

  await formOf(page).cancel.click();
  await page.getByText('Upload cancelled.').waitFor();
  await page.reload();
  await cardsOf(page, 'First Comer').waitFor();
  assert.equal(await cardsOf(page, 'Ada cancels').count(), 0);
  assert.deepEqual(await imagesOf(server, 'Ada cancels'), []);
});

it('gives a public address and a link that both serve the image', async (page, { server }) => {
  await page.goto(server.url);
  await uploadByHand(page, { file: await fixture('hills.jpg'), name: 'Ada addresses' });
  await page.getByRole('heading', { name: 'Your image is stored' }).waitFor();

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

it(
  'copies the link',
  async (page, { server }) => {
    await page.goto(server.url);
    await uploadByHand(page, { file: await fixture('lake.png'), name: 'Ada copies' });
    await resultOf(page).copyLink.click();
    await page.getByText('Copied the link.').waitFor();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), await resultOf(page).link.textContent());
  },
  { context: { permissions: ['clipboard-read', 'clipboard-write'] } },
);

it('copies the link where the browser has no clipboard API, as on plain http', async (page, { server }) => {
  await page.addInitScript(() => Object.defineProperty(navigator, 'clipboard', { value: undefined }));
  await page.goto(server.url);
  await uploadByHand(page, { file: await fixture('lake.png'), name: 'Ada copies by hand' });
  await resultOf(page).copyLink.click();
  await page.getByText('Copied the link.').waitFor();
  await formOf(page).description.focus();
  await page.keyboard.press('Control+V');
  assert.equal(await formOf(page).description.inputValue(), await resultOf(page).link.textContent());
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

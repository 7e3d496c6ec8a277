import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before } from 'node:test';

import { imagesOf } from './support/api.js';
import { formOf, isLoaded, listen, resultOf, rowOf } from './support/form.js';
import { fixture, noisePng } from './support/images.js';
import { expectSoon } from './support/soon.js';
import { suite } from './support/suite.js';

const { it } = suite();

let folder;

before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'image-handler-chosen-'));
  for (const name of ['hills.jpg', 'lake.png']) {
    await writeFile(path.join(folder, name), (await fixture(name)).buffer);
  }
});

after(() => rm(folder, { recursive: true, force: true }));

const isFocused = (locator) => locator.evaluate((element) => element === document.activeElement);
const namesOf = (page) => formOf(page).uploads.locator('[data-part=name]').allTextContents();

/** When the page can be used. */
async function open(page, { url }) {
  await page.goto(url);
  await formOf(page).file.waitFor();
}

/** Gives the page a paste of these files, where the focus is. @returns {Promise<boolean>} whether the page took it */
function paste(page, files, text = '') {
  return page.evaluate(
    ([parts, words]) => {
      const transfer = new DataTransfer();
      for (const { bytes, name, mimeType } of parts) {
        transfer.items.add(new File([new Uint8Array(bytes)], name, { type: mimeType }));
      }
      if (words !== '') {
        transfer.setData('text/plain', words);
      }
      const event = new ClipboardEvent('paste', { clipboardData: transfer, bubbles: true, cancelable: true });
      return !document.activeElement.dispatchEvent(event);
    },
    [files.map(({ buffer, ...file }) => ({ ...file, bytes: [...buffer] })), text],
  );
}

it('takes several files at once and more later, and the button says how many it will send', async (page, { server }) => {
  await open(page, server);
  const heard = await listen(page);
  assert.equal(await formOf(page).submit.textContent(), 'Upload');
  await formOf(page).file.setInputFiles([await fixture('hills.jpg'), await fixture('lake.png')]);
  await page.getByRole('button', { name: 'Upload 2 images' }).waitFor();
  await formOf(page).file.setInputFiles(noisePng(3));
  await page.getByRole('button', { name: 'Upload 3 images' }).waitFor();
  await expectSoon(() => namesOf(page), ['hills.jpg', 'lake.png', 'noise.png']);
  assert.ok(await isLoaded(rowOf(page, 'hills.jpg').row.locator('img')), 'a preview');
  // What comes together is said together.
  await page.waitForFunction(() => /2 files added\.[^]*1 file added\./.test(globalThis.heard.join(' ')));
  assert.ok((await heard()).length <= 2);

  await rowOf(page, 'lake.png').remove.click();
  await page.getByRole('button', { name: 'Upload 2 images' }).waitFor();
  assert.equal(await isFocused(rowOf(page, 'noise.png').remove), true, 'the person goes on at the next one');
  await rowOf(page, 'noise.png').remove.click();
  assert.equal(await isFocused(rowOf(page, 'hills.jpg').remove), true, 'or at the one before');
  await rowOf(page, 'hills.jpg').remove.click();
  assert.equal(await isFocused(formOf(page).file), true, 'or where it all begins');
  assert.equal(await formOf(page).submit.textContent(), 'Upload');
});

it('gives the addresses of previews back', async (page, { server }) => {
  await page.addInitScript(() => {
    globalThis.previews = new Set();
    const { createObjectURL, revokeObjectURL } = URL;
    URL.createObjectURL = (file) => {
      const address = createObjectURL.call(URL, file);
      globalThis.previews.add(address);
      return address;
    };
    URL.revokeObjectURL = (address) => {
      globalThis.previews.delete(address);
      revokeObjectURL.call(URL, address);
    };
  });
  const held = () => page.evaluate(() => globalThis.previews.size);
  await open(page, server);
  await formOf(page).file.setInputFiles([await fixture('hills.jpg'), await fixture('lake.png')]);
  await expectSoon(held, 2);
  await rowOf(page, 'lake.png').remove.click();
  await expectSoon(held, 1, 'of a file that was removed');
  await formOf(page).name.fill('Ada gives back');
  await formOf(page).submit.click();
  await resultOf(page).title.waitFor();
  await expectSoon(held, 0, 'of a file that was uploaded');
});

it('a file that the browser cannot show has no broken picture', async (page, { server }) => {
  await open(page, server);
  await formOf(page).file.setInputFiles({ name: 'cat.png', mimeType: 'image/png', buffer: Buffer.from('meow') });
  await rowOf(page, 'cat.png').row.locator('img').waitFor({ state: 'hidden' });
});

it('notices a file that is chosen twice, adds it once and says so', async (page, { server }) => {
  await open(page, server);
  const heard = await listen(page);
  const [hills, lake] = ['hills.jpg', 'lake.png'].map((name) => path.join(folder, name));
  await formOf(page).file.setInputFiles(hills);
  await formOf(page).file.setInputFiles([hills, lake]);
  await page.getByText('“hills.jpg” is in the list already. It was added once.').waitFor();
  await expectSoon(() => namesOf(page), ['hills.jpg', 'lake.png']);
  await page.waitForFunction(() => globalThis.heard.join(' ').includes('1 file added, 1 was there already.'));
  assert.equal((await heard()).join(' ').split('was there already').length, 2, 'once');
  await formOf(page).file.setInputFiles([hills, lake]);
  await page.getByText('2 of these files are in the list already.').waitFor();

  await rowOf(page, 'hills.jpg').remove.click();
  await formOf(page).file.setInputFiles(hills);
  await rowOf(page, 'hills.jpg').row.waitFor();
  assert.equal(await page.getByText('in the list already').count(), 0, 'a file that was removed may come back');
});

it('takes a pasted image under a name of its own, wherever the focus is', async (page, { server }) => {
  await open(page, server);
  const shot = { ...(await fixture('lake.png')), name: 'image.png' };
  assert.equal(await paste(page, [shot]), true);
  assert.equal(await paste(page, [shot]), true);
  assert.equal(await paste(page, [await fixture('hills.jpg')]), true);
  await expectSoon(() => namesOf(page), ['pasted-1.png', 'pasted-2.png', 'hills.jpg']);
  await formOf(page).name.fill('Ada pastes');
  await formOf(page).submit.click();
  await resultOf(page, 'pasted-1.png').title.waitFor();
  await resultOf(page, 'pasted-2.png').title.waitFor();
  const names = (await imagesOf(server, 'Ada pastes')).map((image) => image.file_name);
  assert.ok(names.includes('pasted-1.png'), names.join());
});

it(
  'a paste into a text field stays text, and a pasted text alone adds nothing',
  async (page, { server }) => {
    await open(page, server);
    const shot = await fixture('lake.png');
    assert.equal(await paste(page, [], 'hello'), false, 'a text outside of any field');
    for (const field of [formOf(page).name, rowOf(page, 'hills.jpg').description]) {
      if ((await field.count()) === 0) {
        await formOf(page).file.setInputFiles(await fixture('hills.jpg'));
      }
      await page.evaluate(() => navigator.clipboard.writeText('Ada'));
      await field.focus();
      await page.keyboard.press('Control+V');
      assert.equal(await field.inputValue(), 'Ada');
      assert.equal(await paste(page, [shot], 'Ada'), false, 'with an image beside the text');
    }
    await expectSoon(() => namesOf(page), ['hills.jpg']);
  },
  { context: { permissions: ['clipboard-read', 'clipboard-write'] } },
);

it('offers no camera where there is a mouse', async (page, { server }) => {
  await open(page, server);
  assert.equal(await formOf(page).camera.isVisible(), false);
});

it(
  'offers the camera of a phone, and takes its photo',
  async (page, { server }) => {
    await open(page, server);
    const { camera } = formOf(page);
    assert.equal(await camera.isVisible(), true);
    assert.equal(await camera.getAttribute('capture'), 'environment');
    const { height } = await camera.boundingBox();
    assert.ok(height >= 44, String(height));
    await camera.setInputFiles(await fixture('hills.jpg'));
    await rowOf(page, 'hills.jpg').row.waitFor();
    assert.equal(await camera.evaluate((input) => input.name), '', 'without JavaScript it would send a second file');
  },
  { context: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true } },
);

it('what was chosen before the page was ready is not lost', async (page, { server }) => {
  let letGo;
  const held = new Promise((resolve) => {
    letGo = resolve;
  });
  await page.route('**/main.js', async (route) => {
    await held;
    await route.continue();
  });
  await page.goto(server.url, { waitUntil: 'commit' });
  await page.getByLabel('Choose images').setInputFiles(await fixture('hills.jpg'));
  letGo();
  await page.getByRole('button', { name: 'Upload 1 image' }).waitFor();
  await expectSoon(() => namesOf(page), ['hills.jpg']);
});

it('a hundred files stay usable: writing touches no other row', async (page, { server }) => {
  await open(page, server);
  const { buffer, mimeType } = await fixture('lake.png');
  await formOf(page).file.setInputFiles(Array.from({ length: 100 }, (_, index) => ({ name: `lake-${index}.png`, mimeType, buffer })));
  await page.getByRole('button', { name: 'Upload 100 images' }).waitFor();
  await page.evaluate(() => {
    globalThis.touched = 0;
    new MutationObserver((changes) => {
      globalThis.touched += changes.length;
    }).observe(document.querySelector('upload-form'), { subtree: true, childList: true, characterData: true, attributes: true });
  });
  await rowOf(page, 'lake-50.png').description.pressSequentially('A lake');
  const touched = await page.evaluate(() => globalThis.touched);
  assert.ok(touched <= 'A lake'.length * 2, `${touched} changes for six letters`);
});

it('a name with markup appears as it is', async (page, { server }) => {
  await open(page, server);
  const name = '<img src=x onerror=alert(1)>.png';
  await formOf(page).file.setInputFiles({ ...(await fixture('lake.png')), name });
  await expectSoon(() => namesOf(page), [name]);
  await formOf(page).name.fill('Ada <b>markup</b>');
  await formOf(page).submit.click();
  assert.equal(await resultOf(page).title.textContent(), `“${name}” is stored`);
});

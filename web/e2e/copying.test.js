import assert from 'node:assert/strict';

import { upload } from './support/api.js';
import { formOf } from './support/form.js';
import { fixture } from './support/images.js';
import { suite } from './support/suite.js';

const { it } = suite();

const WITH_CLIPBOARD = { context: { permissions: ['clipboard-read', 'clipboard-write'] } };
const ALT = '"><b>a [cat]</b> & `x`';

const clipboard = (page) => page.evaluate(() => navigator.clipboard.readText());

/** An image of the server in a <copy-choice> of its own, for a person at the keyboard. */
async function showChoice(page, server, alt = ALT) {
  const image = await upload(server, await fixture('lake.png'), { uploader: 'Ada copies', alt });
  await page.goto(server.url);
  // What copies is loaded when somebody is about to upload.
  await formOf(page).name.focus();
  await page.waitForFunction(() => customElements.get('copy-choice') !== undefined);
  await page.evaluate((shown) => {
    const choice = document.createElement('copy-choice');
    document.querySelector('h1').after(choice);
    choice.image = shown;
  }, image);
  const choice = page.locator('h1 + copy-choice');
  return {
    image,
    format: choice.getByRole('combobox', { name: 'Format to copy' }),
    text: choice.getByRole('textbox', { name: 'Text to copy' }),
    copy: choice.getByRole('button', { name: /^(Copy|Copied|Selected) as / }),
  };
}

it(
  'copies every format, the description escaped for each',
  async (page, { server }) => {
    const { image, format, text, copy } = await showChoice(page, server);
    const { width, height, link, url } = image;
    for (const [name, expected] of [
      ['Link', link],
      ['Markdown', `![">\\<b>a \\[cat\\]\\</b> \\& \\\`x\\\`](${link})`],
      ['HTML', `<img src="${link}" alt="&quot;&gt;&lt;b&gt;a [cat]&lt;/b&gt; &amp; \`x\`" width="${width}" height="${height}">`],
      ['BBCode', `[img]${link}[/img]`],
      ['BBCode with description', `[img alt="”><b>a (cat)</b> & \`x\`"]${link}[/img]`],
      ['Public S3 address', url],
    ]) {
      await format.selectOption(name);
      assert.equal(await text.inputValue(), expected, 'seen before it is copied');
      await copy.click();
      await page.getByText(`Copied as ${name}.`, { exact: true }).waitFor();
      assert.equal(await clipboard(page), expected);
    }
    assert.equal(await page.locator('b').count(), 0, 'the description is text on this page, too');
  },
  WITH_CLIPBOARD,
);

it(
  'pasted as HTML the description is what was written, and no delete token comes along',
  async (page, { server }) => {
    const { image, format, copy } = await showChoice(page, server);
    const offered = await format.getByRole('option').allTextContents();
    for (const name of offered) {
      await format.selectOption(name);
      await copy.click();
      await page.getByText(`Copied as ${name}.`, { exact: true }).waitFor();
      assert.ok(!(await clipboard(page)).includes(image.delete_token), name);
    }
    await format.selectOption('HTML');
    await copy.click();
    await page.getByText('Copied as HTML.').waitFor();
    const shown = await page.evaluate(async () => {
      const pasted = new DOMParser().parseFromString(await navigator.clipboard.readText(), 'text/html');
      return [pasted.querySelector('img').alt, pasted.body.children.length, pasted.body.textContent];
    });
    assert.deepEqual(shown, [ALT, 1, '']);
  },
  WITH_CLIPBOARD,
);

it('remembers the format', async (page, { server }) => {
  const first = await showChoice(page, server);
  assert.equal(await first.format.inputValue(), 'link');
  await first.format.selectOption('Markdown');
  const again = await showChoice(page, server);
  assert.equal(await again.format.inputValue(), 'markdown');
  assert.match(await again.text.inputValue(), /^!\[/);
});

it('takes a remembered format that this page does not know for none', async (page, { server }) => {
  await page.addInitScript(() => localStorage.setItem('image-handler.copy-format', 'carrier-pigeon'));
  const { image, text } = await showChoice(page, server);
  assert.equal(await text.inputValue(), image.link);
});

it('copies where the browser has no clipboard API, as on plain http, and leaves the focus at the button', async (page, { server }) => {
  await page.addInitScript(() => Object.defineProperty(navigator, 'clipboard', { value: undefined }));
  const { format, text, copy } = await showChoice(page, server);
  await format.selectOption('HTML');
  await copy.press('Enter');
  await page.getByText('Copied as HTML.').waitFor();
  assert.equal(await copy.evaluate((button) => button === document.activeElement), true);
  await page.getByLabel('Your name').focus();
  await page.keyboard.press('Control+V');
  assert.equal(await page.getByLabel('Your name').inputValue(), await text.inputValue());
});

it('selects the text for the person’s own hand where the page may not copy at all', async (page, { server }) => {
  await page.addInitScript(() => {
    Object.defineProperty(navigator, 'clipboard', { value: undefined });
    Document.prototype.execCommand = () => false;
  });
  const { image, text, copy } = await showChoice(page, server);
  await copy.click();
  await page.getByText('The text is selected: copy it with Ctrl+C').waitFor();
  assert.equal(await text.evaluate((field) => field === document.activeElement), true);
  const selected = await text.evaluate(({ value, selectionStart, selectionEnd }) => value.slice(selectionStart, selectionEnd));
  assert.equal(selected, image.link);
  assert.equal(await copy.textContent(), 'Selected');
});

it('says for a while that it has copied', async (page, { server }) => {
  await page.clock.install();
  await page.addInitScript(() => Object.defineProperty(navigator, 'clipboard', { value: undefined }));
  const { format, copy } = await showChoice(page, server);
  await copy.click();
  await page.getByRole('button', { name: 'Copied as Link' }).waitFor();
  await page.clock.runFor(2000);
  await page.getByRole('button', { name: 'Copy as Link' }).waitFor();
  await copy.click();
  await page.getByRole('button', { name: 'Copied as Link' }).waitFor();
  await format.selectOption('HTML');
  assert.equal(await copy.textContent(), 'Copy', 'what was copied is not what is chosen now');
});

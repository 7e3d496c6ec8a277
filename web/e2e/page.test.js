import assert from 'node:assert/strict';

import { cardsOf, formOf, isLoaded, uploadByHand } from './support/form.js';
import { fixture } from './support/images.js';
import { suite } from './support/suite.js';

const { it } = suite();

it('runs under the content security policy of the server, which has no exception for inline code', async (page, { server, s3Origin }) => {
  const response = await page.goto(server.url);
  const policy = response.headers()['content-security-policy'];
  assert.match(policy, /^default-src 'self';/);
  assert.doesNotMatch(policy, /unsafe/);
  assert.ok(policy.includes(s3Origin), policy);
  await formOf(page).file.setInputFiles(await fixture('hills.jpg'));
  assert.ok(await isLoaded(page.locator('upload-row img')), 'the preview of the chosen file');
  await formOf(page).name.fill('Ada under policy');
  await formOf(page).submit.click();
  assert.ok(await isLoaded(cardsOf(page, 'Ada under policy').getByRole('img')));
  await cardsOf(page, 'Ada under policy').getByRole('button', { name: /^Delete/ }).click();
  await cardsOf(page, 'Ada under policy').waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Undo' }).click();
  await cardsOf(page, 'Ada under policy').getByRole('link').click();
  await page.getByRole('dialog').getByRole('button', { name: /^Copy/ }).waitFor();
});

for (const colorScheme of ['light', 'dark']) {
  it(
    `fits a screen of 320 pixels in ${colorScheme}, with long names and addresses`,
    async (page, { server }) => {
      await page.goto(server.url);
      await uploadByHand(page, { file: await fixture('hills.jpg'), name: 'W'.repeat(90) });
      await page.getByText('Delete it later').click();
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 320);
    },
    { context: { viewport: { width: 320, height: 640 }, colorScheme } },
  );
}

it('can be used with the keyboard alone', async (page, { server }) => {
  await page.goto(server.url);
  await formOf(page).file.setInputFiles(await fixture('hills.jpg'));
  await formOf(page).name.focus();
  await page.keyboard.type('Ada by keyboard');
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'file');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await cardsOf(page, 'Ada by keyboard').waitFor();
  assert.equal(await formOf(page).submit.evaluate((button) => button === document.activeElement), true, 'nobody is taken away');

  await cardsOf(page, 'Ada by keyboard').getByRole('button', { name: /^Delete/ }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Undo' }).waitFor();
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Undo', 'the way back comes next');
});

it('the documentation opens, without asking anyone else', async (page, { server }) => {
  await page.goto(server.url);
  await page.getByRole('link', { name: 'API documentation' }).click();
  await page.getByText('/api/v1/images').first().waitFor();
  assert.match(page.url(), /\/docs/);
});

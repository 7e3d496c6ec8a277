import assert from 'node:assert/strict';

import { fixture } from './support/images.js';
import { suite } from './support/suite.js';

const { it } = suite();

it('sends an upload from the page that documents the API', async (page, { server }) => {
  await page.goto(new URL('docs/', server.url).href);
  const operation = page.locator('#operations-images-create_image');
  await operation.getByRole('button', { name: /\/api\/v1\/images/ }).first().click();
  const tryItOut = operation.getByRole('button', { name: 'Try it out' });
  if (await tryItOut.isVisible()) {
    await tryItOut.click();
  }
  await operation.locator('input[type=file]').setInputFiles(await fixture('hills.jpg'));
  const uploader = operation.locator('tr', { hasText: 'uploader' }).locator('input[type=text], textarea').first();
  await uploader.fill('Ada at the docs');
  const answered = page.waitForResponse((response) => response.request().method() === 'POST');
  await operation.getByRole('button', { name: 'Execute' }).click();
  const response = await answered;
  assert.equal(response.status(), 201, await response.text());
  const image = await response.json();
  assert.equal(image.uploader, 'Ada at the docs');
  assert.equal(image.content_type, 'image/jpeg');
});

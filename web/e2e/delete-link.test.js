import assert from 'node:assert/strict';

import { statusOf, upload } from './support/api.js';
import { cardsOf } from './support/form.js';
import { fixture } from './support/images.js';
import { suite } from './support/suite.js';

const { it } = suite();

const linkTo = (server, { id, delete_token: token }) => `${server.url}#/delete/${id}/${encodeURIComponent(token)}`;
const dialogOf = (page) => page.getByRole('dialog');

it('the delete link of an answer leads to this page', async (page, { server }) => {
  const image = await upload(server, await fixture('lake.png'), { uploader: 'Ada linked' });
  assert.equal(image.delete_url, linkTo(server, image));
});

it('a delete link asks first and then deletes', async (page, { server }) => {
  const image = await upload(server, await fixture('lake.png'), { uploader: 'Ada by link' });
  await page.goto(linkTo(server, image));
  await dialogOf(page).getByText('Uploaded by Ada by link.').waitFor();
  await cardsOf(page, 'Ada by link').waitFor();
  assert.equal(await statusOf(server, image.id), 200, 'opening it deletes nothing');

  await dialogOf(page).getByRole('button', { name: 'Delete' }).click();
  await cardsOf(page, 'Ada by link').waitFor({ state: 'detached' });
  await dialogOf(page).waitFor({ state: 'hidden' });
  assert.equal(await statusOf(server, image.id), 410);
  // The token does not stay in the address.
  await page.waitForURL(server.url, { waitUntil: 'commit' });
});

it('a delete link that is declined keeps the image and leaves the address', async (page, { server }) => {
  const image = await upload(server, await fixture('lake.png'), { uploader: 'Ada declines' });
  await page.goto(server.url);
  await cardsOf(page, 'Ada declines').waitFor();
  // Followed while the page is open, it only changes the hash.
  await page.goto(linkTo(server, image));
  await dialogOf(page).getByRole('button', { name: 'Keep it' }).click();
  await dialogOf(page).waitFor({ state: 'hidden' });
  await page.waitForURL(server.url, { waitUntil: 'commit' });
  await page.reload();
  await cardsOf(page, 'Ada declines').waitFor();
  assert.equal(await dialogOf(page).count(), 0);
  assert.equal(await statusOf(server, image.id), 200);
});

it(
  'a delete link with a wrong token is told so and deletes nothing',
  async (page, { server }) => {
    const image = await upload(server, await fixture('lake.png'), { uploader: 'Ada mistyped' });
    const other = await upload(server, await fixture('lake.png'), { uploader: 'Ada other' });
    await page.goto(linkTo(server, { ...image, delete_token: other.delete_token }));
    await dialogOf(page).getByRole('button', { name: 'Delete' }).click();
    await dialogOf(page).getByText('This delete link does not belong to this image.').waitFor();
    assert.equal(await statusOf(server, image.id), 200);
  },
  { complaints: [/403/] },
);

it(
  'a delete link that was used already says so',
  async (page, { server }) => {
    const image = await upload(server, await fixture('lake.png'), { uploader: 'Ada twice' });
    await page.goto(linkTo(server, image));
    await dialogOf(page).getByRole('button', { name: 'Delete' }).click();
    await dialogOf(page).waitFor({ state: 'hidden' });
    // The link leaves the address a moment after the dialog is gone; until then it would be no other address.
    await page.waitForFunction(() => location.hash === '');

    await page.goto(linkTo(server, image));
    await dialogOf(page).getByText('This image has already been deleted.').waitFor();
    assert.equal(await dialogOf(page).getByRole('button', { name: 'Delete' }).count(), 0);
  },
  { complaints: [/410/] },
);

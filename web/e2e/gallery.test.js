import assert from 'node:assert/strict';

import { statusOf, upload } from './support/api.js';
import { cardsOf, isLoaded, uploadByHand } from './support/form.js';
import { fixture } from './support/images.js';
import { suite } from './support/suite.js';

const { it } = suite();

const PAGE_SIZE = 12;
const gallery = (page) => page.getByRole('region', { name: 'Recent images' });
const cards = (page) => gallery(page).getByRole('listitem');

it('shows names and descriptions with markup in them as they were written', async (page, { server }) => {
  const uploader = '<img src=x onerror=document.title="pwned">';
  const alt = '"><script>document.title="pwned"</script>';
  await upload(server, await fixture('dusk.webp'), { uploader, alt });

  await page.goto(server.url);
  await cardsOf(page, uploader).waitFor();
  const picture = cardsOf(page, uploader).getByRole('img');
  assert.equal(await picture.getAttribute('alt'), alt);
  assert.ok(await isLoaded(picture));
  assert.equal(await page.title(), 'Image Handler');

  await uploadByHand(page, { file: await fixture('lake.png'), name: uploader, description: alt });
  await cardsOf(page, uploader).nth(1).waitFor();
  assert.equal(await page.title(), 'Image Handler');
});

it('offers to delete one’s own image, asks, and deletes it', async (page, { server }) => {
  const other = await upload(server, await fixture('lake.png'), { uploader: 'Grace keeps' });
  await page.goto(server.url);
  await uploadByHand(page, { file: await fixture('hills.jpg'), name: 'Ada deletes' });
  const id = /\/i\/([^.]+)\./.exec(await cardsOf(page, 'Ada deletes').getByRole('link').getAttribute('href'))[1];
  assert.equal(await cardsOf(page, 'Grace keeps').getByRole('button').count(), 0, 'not for what others uploaded');

  // The browser remembers whose it is.
  await page.reload();
  const button = cardsOf(page, 'Ada deletes').getByRole('button', { name: /^Delete/ });
  const dialog = page.getByRole('dialog', { name: 'Delete this image?' });

  await button.click();
  await dialog.getByText('Uploaded by Ada deletes.').waitFor();
  await dialog.getByRole('button', { name: 'Keep it' }).click();
  await dialog.waitFor({ state: 'hidden' });
  assert.equal(await statusOf(server, id), 200);

  await button.click();
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'hidden' });
  assert.equal(await statusOf(server, id), 200);

  await button.click();
  await dialog.getByRole('button', { name: 'Delete' }).click();
  await cardsOf(page, 'Ada deletes').waitFor({ state: 'detached' });
  await page.getByText('Image deleted.').waitFor();
  assert.equal(await statusOf(server, id), 410);
  assert.equal(await statusOf(server, other.id), 200);
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Recent images', 'the focus is not lost');
  assert.deepEqual(await page.evaluate(() => Object.keys(localStorage).filter((key) => key.includes('token'))), []);
});

it('loads more until there is no more, each image once and newest first', async (page, { server }) => {
  const file = await fixture('dusk.gif');
  for (let turn = 1; turn <= PAGE_SIZE + 3; turn += 1) {
    await upload(server, file, { uploader: `Visitor ${turn}` });
  }
  await page.goto(server.url);
  await cards(page).nth(PAGE_SIZE - 1).waitFor();
  assert.equal(await cards(page).count(), PAGE_SIZE);
  assert.match(await cards(page).first().textContent(), /Visitor 15/);

  const more = gallery(page).getByRole('button', { name: 'Load more' });
  await more.click();
  await cardsOf(page, 'Visitor 1').waitFor();
  assert.equal(
    await cards(page).nth(PAGE_SIZE).getByRole('link').evaluate((link) => link === document.activeElement),
    true,
    'reading goes on at the first new image',
  );
  await more.waitFor({ state: 'hidden' });
  await cardsOf(page, 'First Comer').waitFor();

  const links = await cards(page).getByRole('link').evaluateAll((all) => all.map((link) => link.href));
  assert.equal(new Set(links).size, links.length);
  assert.deepEqual(links, links.toSorted().reverse(), 'ids are by time');
});

it('does not repeat an image that was uploaded while the gallery was open', async (page, { server }) => {
  await page.goto(server.url);
  await cards(page).nth(PAGE_SIZE - 1).waitFor();
  await uploadByHand(page, { file: await fixture('lake.png'), name: 'Ada in between' });
  await gallery(page).getByRole('button', { name: 'Load more' }).click();
  await cardsOf(page, 'First Comer').waitFor();
  assert.equal(await cardsOf(page, 'Ada in between').count(), 1);
  assert.match(await cards(page).first().textContent(), /Ada in between/);
});

it(
  'says when the images cannot be loaded, and loads them at the next try',
  async (page, { server }) => {
    let broken = true;
    await page.route('**/api/v1/images?*', (route) =>
      broken ? route.fulfill({ status: 503, contentType: 'text/html', body: '<h1>away</h1>' }) : route.continue(),
    );
    await page.goto(server.url);
    await gallery(page).getByText('The images could not be loaded. The server is not available just now.').waitFor();
    broken = false;
    await gallery(page).getByRole('button', { name: 'Try again' }).click();
    await cards(page).first().waitFor();
    assert.equal(await gallery(page).getByRole('alert').filter({ hasText: /./ }).count(), 0);
  },
  { complaints: [/503/] },
);

import assert from 'node:assert/strict';

import { upload } from './support/api.js';
import { cardsOf, isLoaded, uploadByHand } from './support/form.js';
import { expectShown, focused, galleryOf, idsShown, openAsOwner, removeElsewhere, viewerOf } from './support/gallery.js';
import { fixture } from './support/images.js';
import { expectSoon } from './support/soon.js';
import { suite } from './support/suite.js';

const { it } = suite();

const PAGE_SIZE = 12;

async function uploadSeveral(server, names) {
  const file = await fixture('dusk.gif');
  const images = [];
  for (const uploader of names) {
    images.push(await upload(server, file, { uploader }));
  }
  // As they are listed.
  return images.reverse();
}

it('shows names and descriptions with markup in them as they were written', async (page, { server }) => {
  const uploader = '<img src=x onerror=document.title="pwned">';
  const alt = '"><script>document.title="pwned"</script>';
  await upload(server, { ...(await fixture('dusk.webp')), name: '<b>dusk</b>.webp' }, { uploader, alt });

  await page.goto(server.url);
  await cardsOf(page, uploader).waitFor();
  const picture = cardsOf(page, uploader).getByRole('img');
  assert.equal(await picture.getAttribute('alt'), alt);
  assert.ok(await isLoaded(picture));

  await cardsOf(page, uploader).getByRole('link').click();
  await viewerOf(page).dialog.getByText(alt, { exact: true }).waitFor();
  assert.equal(await viewerOf(page).title.textContent(), `Image by ${uploader}`);
  await page.keyboard.press('Escape');

  await cardsOf(page, uploader).getByRole('button', { name: `Images by ${uploader}` }).click();
  await page.getByRole('heading', { name: `Images by ${uploader}` }).waitFor();
  assert.equal(await galleryOf(page).cards.count(), 1);

  await uploadByHand(page, { file: await fixture('lake.png'), name: uploader, description: alt });
  await cardsOf(page, uploader).nth(1).waitFor();
  assert.equal(await page.title(), 'Image Handler');
});

it('loads more until there is no more, each image once and newest first', async (page, { server }) => {
  await uploadSeveral(server, Array.from({ length: PAGE_SIZE + 3 }, (_, turn) => `Visitor ${turn + 1}`));
  const { cards, more } = galleryOf(page);
  await page.goto(server.url);
  await cards.nth(PAGE_SIZE - 1).waitFor();
  assert.equal(await cards.count(), PAGE_SIZE);
  assert.match(await cards.first().textContent(), /Visitor 15/);

  await more.click();
  await cardsOf(page, 'Visitor 1').waitFor();
  assert.equal(
    await cards.nth(PAGE_SIZE).getByRole('link').evaluate((link) => link === document.activeElement),
    true,
    'reading goes on at the first new image',
  );
  await more.waitFor({ state: 'hidden' });
  await cardsOf(page, 'First Comer').waitFor();

  const ids = await idsShown(page);
  assert.equal(new Set(ids).size, ids.length);
  assert.deepEqual(ids, ids.toSorted().reverse(), 'ids are by time');
});

it(
  'loses and doubles nothing that comes or goes while pages are loaded',
  async (page, { server }) => {
    const images = await uploadSeveral(server, Array(2 * PAGE_SIZE + 2).fill('Ada flows'));
    const { more } = galleryOf(page);
    await page.goto(`${server.url}#/by/Ada%20flows`);
    await expectShown(page, images.slice(0, PAGE_SIZE));

    // Others: two come, one that is shown goes, and one that is not yet.
    await uploadSeveral(server, ['Ada flows', 'Ada flows']);
    await removeElsewhere(server, images[3]);
    await removeElsewhere(server, images[PAGE_SIZE]);
    await uploadByHand(page, { file: await fixture('lake.png'), name: 'Ada flows' });
    await galleryOf(page).cards.nth(PAGE_SIZE).waitFor();
    const [own] = await idsShown(page);
    const rest = images.filter((_, index) => index !== PAGE_SIZE);
    await expectShown(page, [{ id: own }, ...rest.slice(0, PAGE_SIZE)]);

    await more.click();
    await expectShown(page, [{ id: own }, ...rest.slice(0, 2 * PAGE_SIZE)]);
    await more.click();
    await expectShown(page, [{ id: own }, ...rest]);
    await more.waitFor({ state: 'hidden' });
  },
  // Its picture may be asked for only then.
  { complaints: [/410/] },
);

it('shows the images of one uploader: by name, by a card, and until that is cleared', async (page, { server }) => {
  const [second, first] = await uploadSeveral(server, ['Ada & Söhne / 100 %', 'Ada & Söhne / 100 %']);
  const [other] = await uploadSeveral(server, ['Ada & Söhne']);
  const { title, name, show, clear } = galleryOf(page);
  await page.goto(server.url);
  await galleryOf(page).cards.first().waitFor();
  assert.equal(await clear.count(), 0);

  await name.fill('  Ada & Söhne / 100 % ');
  await name.press('Enter');
  await expectShown(page, [second, first]);
  assert.equal(await title.textContent(), 'Images by Ada & Söhne / 100 %');
  await page.reload();
  await expectShown(page, [second, first]);
  assert.equal(await name.inputValue(), 'Ada & Söhne / 100 %');

  await clear.click();
  assert.equal(await title.textContent(), 'Recent images');
  assert.equal(await name.inputValue(), '');
  assert.equal(new URL(page.url()).hash, '');
  assert.equal(await name.evaluate((input) => input === document.activeElement), true, 'the button is gone, the focus is not');

  await cardsOf(page, 'Ada & Söhne').getByRole('button', { name: 'Images by Ada & Söhne' }).click();
  await expectShown(page, [other]);
  assert.equal(await focused(page), 'Images by Ada & Söhne');

  await name.fill('Nobody <i>');
  await show.click();
  await page.getByText('No images by “Nobody <i>”. The name has to be written exactly').waitFor();
  await name.fill(' ');
  await show.click();
  await galleryOf(page).cards.nth(2).waitFor();
  assert.equal(await title.textContent(), 'Recent images');
});

it(
  'says what is wrong with a name that nobody can have',
  async (page, { server }) => {
    await page.goto(server.url);
    await galleryOf(page).name.fill('x'.repeat(101));
    await galleryOf(page).show.click();
    await galleryOf(page).region.getByRole('alert').filter({ hasText: 'could not be loaded' }).waitFor();
    await galleryOf(page).everyones.click();
    await galleryOf(page).cards.first().waitFor();
    assert.equal(await galleryOf(page).region.getByRole('alert').filter({ hasText: /./ }).count(), 0);
  },
  { complaints: [/400/] },
);

it('keeps what is shown in the address, so that the browser’s way back works', async (page, { server }) => {
  const [mine] = await uploadSeveral(server, ['Ada walks']);
  const [others] = await uploadSeveral(server, ['Grace walks']);
  const { title, everyones, mine: own, name } = galleryOf(page);
  await openAsOwner(page, server, [mine]);
  await cardsOf(page, 'Grace walks').waitFor();
  assert.equal(await everyones.getAttribute('aria-pressed'), 'true');

  await own.click();
  await expectShown(page, [mine]);
  assert.equal(new URL(page.url()).hash, '#/mine');
  assert.deepEqual([await own.getAttribute('aria-pressed'), await title.textContent()], ['true', 'Your images']);
  await everyones.click();
  await cardsOf(page, 'Grace walks').waitFor();
  await name.fill('Grace walks');
  await name.press('Enter');
  await expectShown(page, [others]);

  await page.goBack();
  await cardsOf(page, 'Ada walks').waitFor();
  assert.equal(await title.textContent(), 'Recent images');
  await page.goBack();
  await expectShown(page, [mine]);
  await page.reload();
  await expectShown(page, [mine]);
  await page.goForward();
  await page.goForward();
  await expectShown(page, [others]);
  assert.equal(await name.inputValue(), 'Grace walks');
});

it('adds an image that was uploaded where it belongs, and only there', async (page, { server }) => {
  const [other] = await uploadSeveral(server, ['Grace alone']);
  await page.goto(`${server.url}#/by/Grace%20alone`);
  await expectShown(page, [other]);
  await uploadByHand(page, { file: await fixture('hills.jpg'), name: 'Ada elsewhere' });
  await uploadByHand(page, { file: await fixture('lake.png'), name: 'Grace alone' });
  await expectSoon(() => galleryOf(page).cards.count(), 2);
  assert.equal(await cardsOf(page, 'Ada elsewhere').count(), 0);
  await galleryOf(page).mine.click();
  await cardsOf(page, 'Ada elsewhere').waitFor();
  await uploadByHand(page, { file: await fixture('dusk.gif'), name: 'Ada again' });
  await cardsOf(page, 'Ada again').waitFor();
  assert.equal(await galleryOf(page).cards.count(), 3);
});

it('drops an answer that comes when something else is shown already', async (page, { server }) => {
  const [mine] = await uploadSeveral(server, ['Ada hurries']);
  let letGo;
  const held = new Promise((resolve) => {
    letGo = resolve;
  });
  await openAsOwner(page, server, [mine], '#/mine');
  await expectShown(page, [mine]);
  await page.route('**/api/v1/images?*', async (route) => {
    await held;
    await route.continue();
  });
  const answered = page.waitForResponse(/\/images\?/);
  await galleryOf(page).everyones.click();
  await galleryOf(page).mine.click();
  await expectShown(page, [mine]);
  letGo();
  await (await answered).finished();
  // Once more through the page: what it would have done with the answer is done.
  await page.evaluate(() => new Promise((resolve) => {
    requestAnimationFrame(() => setTimeout(resolve));
  }));
  assert.deepEqual(await idsShown(page), [mine.id]);
  assert.equal(await galleryOf(page).title.textContent(), 'Your images');
});

it(
  'says when the images cannot be loaded, and loads them at the next try',
  async (page, { server }) => {
    let broken = true;
    await page.route('**/api/v1/images?*', (route) =>
      broken ? route.fulfill({ status: 503, contentType: 'text/html', body: '<h1>away</h1>' }) : route.continue(),
    );
    const { region, cards } = galleryOf(page);
    await page.goto(server.url);
    await region.getByText('The images could not be loaded. The server is not available just now.').waitFor();
    broken = false;
    await region.getByRole('button', { name: 'Try again' }).click();
    await cards.first().waitFor();
    assert.equal(await region.getByRole('alert').filter({ hasText: /./ }).count(), 0);
  },
  { complaints: [/503/] },
);

it('keeps its place while other images are on their way', async (page, { server }) => {
  const [image] = await uploadSeveral(server, ['Ada waits']);
  await page.goto(server.url);
  await galleryOf(page).cards.nth(PAGE_SIZE - 1).waitFor();
  let letGo;
  const held = new Promise((resolve) => {
    letGo = resolve;
  });
  await page.route('**/api/v1/images?*', async (route) => {
    await held;
    await route.continue();
  });
  const list = galleryOf(page).region.locator('[data-part=list]');
  const before = await list.boundingBox();
  const asked = page.waitForRequest(/\/images\?/);
  await galleryOf(page).name.fill('Ada waits');
  await galleryOf(page).name.press('Enter');
  await asked;
  assert.equal(await galleryOf(page).cards.count(), 0);
  const { height, width } = await list.boundingBox();
  assert.deepEqual({ height, width }, { height: before.height, width: before.width });
  letGo();
  await expectShown(page, [image]);
  assert.ok((await list.boundingBox()).height < before.height, 'and gives it up then');
});

for (const colorScheme of ['light', 'dark']) {
  it(
    `fits a screen of 320 pixels in ${colorScheme}, whatever is shown`,
    async (page, { server }) => {
      const images = await uploadSeveral(server, ['W'.repeat(100), `Ada fits ${colorScheme}`]);
      const overflow = () => page.evaluate(() => document.documentElement.scrollWidth);
      await openAsOwner(page, server, images);
      await cardsOf(page, `Ada fits ${colorScheme}`).waitFor();
      assert.equal(await overflow(), 320);
      await galleryOf(page).cards.nth(1).getByRole('button').first().click();
      await page.getByRole('heading', { name: /^Images by W+$/ }).waitFor();
      assert.equal(await overflow(), 320);
      await galleryOf(page).mine.click();
      await expectShown(page, images);
      await page.getByText('Take this list elsewhere').click();
      await galleryOf(page).select.click();
      await page.getByRole('button', { name: 'Select all shown' }).click();
      assert.equal(await overflow(), 320);
      await page.getByRole('button', { name: 'Delete 2 images' }).click();
      await galleryOf(page).undo.waitFor();
      assert.equal(await overflow(), 320);
      await galleryOf(page).undo.click();
    },
    { context: { viewport: { width: 320, height: 640 }, colorScheme } },
  );
}

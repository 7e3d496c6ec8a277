import assert from 'node:assert/strict';

import { upload } from './support/api.js';
import { cardsOf, isLoaded, resultOf, uploadByHand } from './support/form.js';
import { smoothPng, undecodablePng } from './support/images.js';
import { suite } from './support/suite.js';

const { it } = suite();

const pictureOf = (page, uploader) => cardsOf(page, uploader).getByRole('img');
const placeholderOf = (page, uploader) => cardsOf(page, uploader).locator('canvas');

/** What the page asks for below /i/ from now on, as paths. */
function picturesAsked(page) {
  const paths = [];
  page.on('request', (request) => {
    const { pathname } = new URL(request.url());
    if (pathname.startsWith('/i/')) {
      paths.push(pathname);
    }
  });
  return paths;
}

/** Holds back the answers to what matches until they are let go. */
async function holdBack(page, pattern) {
  let letGo;
  const gone = new Promise((resolve) => {
    letGo = resolve;
  });
  await page.route(pattern, async (route) => {
    await gone;
    await route.continue();
  });
  return letGo;
}

/** Where each thing in the gallery stands. */
function layoutOf(page) {
  return page.locator('.image-card, .image-card__picture, .image-card__caption, .picture, .picture img').evaluateAll((all) =>
    all.map((element) => {
      const { x, y, width, height } = element.getBoundingClientRect();
      return [element.className || element.localName, x, y, width, height].join(' ');
    }),
  );
}

/** Until a picture of the page has come from this path. */
function waitForSource(page, source) {
  return page.waitForFunction(
    (path) => [...document.images].some((each) => each.currentSrc.endsWith(path) && each.complete),
    source,
  );
}

function originalOf({ link }) {
  return new URL(link).pathname;
}

for (const [deviceScaleFactor, variant] of [
  [1, 'thumb'],
  [2, 'small'],
]) {
  it(
    `loads each picture of the gallery in the size for a screen of density ${deviceScaleFactor}, and no original`,
    async (page, { server }) => {
      const images = [];
      for (let seed = 1; seed <= 3; seed += 1) {
        images.push(await upload(server, smoothPng(1600, 1000, seed + deviceScaleFactor * 4), { uploader: `Ada ${variant}` }));
      }
      const asked = picturesAsked(page);
      await page.goto(server.url);
      await pictureOf(page, `Ada ${variant}`).nth(images.length - 1).waitFor();
      for (const picture of await pictureOf(page, `Ada ${variant}`).all()) {
        assert.ok(await isLoaded(picture));
      }
      for (const image of images) {
        assert.deepEqual(
          asked.filter((path) => path.includes(image.id)),
          [`/i/${image.id}/${variant}`],
          'once, and nothing else',
        );
      }
      const links = await cardsOf(page, `Ada ${variant}`).getByRole('link').evaluateAll((all) => all.map((link) => link.href));
      assert.deepEqual(links, images.map(({ link }) => link).toReversed(), 'the original is a click away');
    },
    { context: { deviceScaleFactor } },
  );
}

it('shows the uploaded image in a size that fits its place, and the question before a delete too', async (page, { server }) => {
  await page.goto(server.url);
  const asked = picturesAsked(page);
  await uploadByHand(page, { file: smoothPng(1600, 1000, 20), name: 'Ada in sizes' });
  assert.ok(await isLoaded(resultOf(page).picture));
  const { delete_url: deleteLink } = await upload(server, smoothPng(1600, 1000, 21), { uploader: 'Ada in sizes' });
  await page.goto(deleteLink);
  assert.ok(await isLoaded(page.getByRole('dialog').getByRole('img')));
  assert.ok(asked.length > 0);
  assert.deepEqual(asked.filter((path) => !/^\/i\/[0-9a-f-]{36}\/(thumb|small)$/.test(path)), []);
});

it('keeps everything in its place while pictures arrive, with placeholders until they do', async (page, { server }) => {
  const shapes = { broad: [1600, 400], tall: [500, 1500], tiny: [24, 16] };
  for (const [seed, [name, [width, height]]] of Object.entries(shapes).entries()) {
    const image = await upload(server, smoothPng(width, height, 30 + seed), { uploader: `Ada ${name}` });
    // With the first variant the placeholder is made.
    assert.equal((await fetch(image.variants.thumb)).status, 200);
  }
  const letGo = await holdBack(page, '**/i/**');
  await page.goto(server.url);
  for (const name of Object.keys(shapes)) {
    await placeholderOf(page, `Ada ${name}`).waitFor();
    const { ratio, painted } = await placeholderOf(page, `Ada ${name}`).evaluate((canvas) => {
      const { width, height } = canvas.getBoundingClientRect();
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      return { ratio: width / height, painted: data.some((value, index) => index % 4 !== 3 && value > 0) };
    });
    const [width, height] = shapes[name];
    assert.ok(Math.abs(ratio / (width / height) - 1) < 0.05, `${name}: ${ratio}`);
    assert.ok(painted, name);
  }
  const before = await layoutOf(page);
  letGo();
  for (const name of Object.keys(shapes)) {
    assert.ok(await isLoaded(pictureOf(page, `Ada ${name}`)));
    await placeholderOf(page, `Ada ${name}`).waitFor({ state: 'detached' });
  }
  await page.evaluate(() => scrollTo(0, 0));
  assert.deepEqual(await layoutOf(page), before);
});

for (const [status, code] of [
  [422, 'image-undecodable'],
  [503, 'variants-busy'],
]) {
  it(
    `shows the original where a variant is answered ${status}`,
    async (page, { server }) => {
      const image = await upload(server, smoothPng(900, 600, 40 + (status % 10)), { uploader: `Ada ${code}` });
      await page.route(`**/i/${image.id}/*`, (route) =>
        route.fulfill({ status, contentType: 'application/problem+json', body: JSON.stringify({ status, code }) }),
      );
      const asked = picturesAsked(page);
      await page.goto(server.url);
      const picture = pictureOf(page, `Ada ${code}`);
      await picture.scrollIntoViewIfNeeded();
      await waitForSource(page, originalOf(image));
      assert.ok(await isLoaded(picture));
      assert.deepEqual(asked.filter((path) => path.includes(image.id)), [`/i/${image.id}/thumb`, originalOf(image)]);
      assert.equal(await placeholderOf(page, `Ada ${code}`).count(), 0);
    },
    { complaints: [new RegExp(`status of ${status}`)] },
  );
}

it(
  'says in words what was on a picture that goes while the page loads',
  async (page, { server }) => {
    const alt = 'A narrow picture of somebody who thought better of it';
    const image = await upload(server, smoothPng(40, 900, 50), { uploader: 'Ada deletes', alt });
    const letGo = await holdBack(page, `**/i/${image.id}*`);
    const letVariantGo = await holdBack(page, `**/i/${image.id}/*`);
    await page.goto(server.url);
    await cardsOf(page, 'Ada deletes').scrollIntoViewIfNeeded();
    const headers = { Authorization: `Bearer ${image.delete_token}` };
    const response = await fetch(`${server.url}api/v1/images/${image.id}`, { method: 'DELETE', headers });
    assert.equal(response.status, 204);
    letGo();
    letVariantGo();
    await cardsOf(page, 'Ada deletes').locator('.picture--missing').waitFor();
    assert.equal(await pictureOf(page, 'Ada deletes').getAttribute('alt'), alt);
    const [place, card] = await Promise.all([
      cardsOf(page, 'Ada deletes').locator('.picture').boundingBox(),
      cardsOf(page, 'Ada deletes').boundingBox(),
    ]);
    assert.ok(place.width > card.width / 2, 'there is room for them');
  },
  { complaints: [/status of 410/] },
);

for (const [what, change] of [
  ['has no variants', { variants: {} }],
  ['does not know the word', { variants: undefined, thumbhash: undefined }],
]) {
  it(`shows originals of a service that ${what}`, async (page, { server }) => {
    const image = await upload(server, smoothPng(700, 500, what.length), { uploader: `Ada, ${what}` });
    await page.route('**/api/v1/images?*', async (route) => {
      const answer = await route.fetch();
      const list = await answer.json();
      await route.fulfill({ response: answer, json: { ...list, items: list.items.map((each) => ({ ...each, ...change })) } });
    });
    const asked = picturesAsked(page);
    await page.goto(server.url);
    assert.ok(await isLoaded(pictureOf(page, `Ada, ${what}`)));
    assert.deepEqual(asked.filter((path) => path.includes(image.id)), [originalOf(image)]);
  });
}

// The last one: the server complains about this picture whenever it is in the gallery.
it(
  'asks for the original of a picture that the server cannot decode',
  async (page, { server }) => {
    const image = await upload(server, undecodablePng(), { uploader: 'Ada broken' });
    const asked = picturesAsked(page);
    await page.goto(server.url);
    await cardsOf(page, 'Ada broken').scrollIntoViewIfNeeded();
    await waitForSource(page, originalOf(image));
    assert.deepEqual(asked.filter((path) => path.includes(image.id)), [`/i/${image.id}/thumb`, originalOf(image)]);
  },
  { complaints: [/status of 422/] },
);

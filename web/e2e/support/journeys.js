/*
 * The ways through the page that show it in each of its states. A journey calls
 * `at` in every one, with what it is in words; who walks it judges the state, or
 * takes a picture of it, and leaves it as it is.
 */

import { upload } from './api.js';
import { slowUploads, withPage } from './browser.js';
import { cardsOf, fill, formOf, resultOf, rowOf, uploadByHand } from './form.js';
import { fixture, noisePng, smoothPng } from './images.js';
import { Server } from './server.js';

const KEY_HASH = '5ebe2294ecd0e0f08eab7690d2a6ee69';

/** What stands in the gallery when somebody comes. */
const OTHERS = [
  { uploader: 'Grace', alt: 'A slope from blue to red' },
  { uploader: 'Alan', alt: '' },
  { uploader: 'Somebody whose name is as long as names are that were put together from several others', alt: 'Colours' },
  { uploader: 'Grace', alt: 'Another slope' },
];

/** @returns {Promise<string>} the origin where S3 serves them */
async function populate(server) {
  let image;
  for (const [at, { uploader, alt }] of OTHERS.entries()) {
    // Wide, upright and square ones.
    image = await upload(server, smoothPng(...[[1600, 900], [600, 900], [800, 800], [2000, 500]][at], at), { uploader, alt });
  }
  return new URL(image.url).origin;
}

/** @param {{page: import('playwright-core').Page, server: Server, at: (state: string) => Promise<void>}} walk */
async function choose({ page, server, at }) {
  await page.goto(server.url);
  await cardsOf(page, 'Alan').waitFor();
  await at('nothing chosen');

  await formOf(page).submit.click();
  await page.getByText('Choose an image first.').waitFor();
  await at('nothing to upload');

  await fill(page, { file: [await fixture('hills.jpg'), await fixture('lake.png'), await fixture('dusk.gif')], name: 'Ada' });
  await rowOf(page, 'dusk.gif').row.waitFor();
  await rowOf(page, 'hills.jpg').description.fill('Hills at dusk, one behind the other');
  await at('files chosen');

  const notes = { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('Notes') };
  await formOf(page).file.setInputFiles([noisePng(2048, 'huge.png'), notes]);
  await page.getByText('“huge.png” is too large').waitFor();
  await at('objections');

  await rowOf(page, 'huge.png').row.getByRole('button', { name: /^Shrink to fit/ }).click();
  await page.getByRole('button', { name: 'Undo: “huge' }).waitFor();
  await at('shrunk to fit');
}

async function send({ page, server, at }) {
  await page.clock.install();
  await page.goto(server.url);
  await cardsOf(page, 'Alan').waitFor();
  const files = [1, 2, 3, 4].map((number) => noisePng(900, `noise-${number}.png`));
  await fill(page, { file: files, name: 'Ada' });
  // A first piece leaves; for the next one there is no time.
  await slowUploads(page, 1);
  await formOf(page).submit.click();
  await page.waitForFunction(() => document.querySelector('upload-row progress').value > 0);
  await at('sending');

  await page.clock.fastForward(20_000);
  await page.getByText('Nothing has moved').first().waitFor();
  await at('stalled');

  await rowOf(page, 'noise-1.png').cancel.click();
  await rowOf(page, 'noise-1.png').tryAgain.waitFor();
  await page.context().setOffline(true);
  await page.getByText('You are offline.').first().waitFor();
  await at('offline, one cancelled');
}

async function fail({ page, server, at }) {
  await page.goto(server.url);
  await cardsOf(page, 'Alan').waitFor();
  const disguised = { name: 'cat.png', mimeType: 'image/png', buffer: Buffer.from('meow\n'.repeat(40)) };
  await fill(page, { file: [disguised, await fixture('hills.jpg')], name: 'Ada' });
  await formOf(page).submit.click();
  await rowOf(page, 'cat.png').alert.waitFor();
  await resultOf(page, 'hills.jpg').title.waitFor();
  await at('one failed, one stored');

  await page.route('**/api/v1/images', (route) => route.fulfill({ status: 503, headers: { 'Retry-After': '60' } }));
  await formOf(page).file.setInputFiles(await fixture('lake.png'));
  await formOf(page).submit.click();
  await rowOf(page, 'lake.png').tryAgain.waitFor();
  await at('tried again by itself in a minute');
}

async function finish({ page, server, at }) {
  await page.goto(server.url);
  await cardsOf(page, 'Alan').waitFor();
  await uploadByHand(page, { file: await fixture('hills.jpg'), name: 'Ada', description: 'Hills at dusk' });
  await page.getByRole('heading', { name: '“hills.jpg” is stored' }).waitFor();
  await page.getByText('Delete it later').click();
  await at('stored, with its delete link');

  const real = await upload(server, await fixture('lake.png'), { uploader: 'Ada' });
  const pending = { ...real, storage: { local: 'stored', s3: 'pending', record: 'pending' } };
  await page.route('**/api/v1/images', (route) => route.fulfill({ status: 202, json: pending }));
  await page.route(`**/api/v1/images/${real.id}`, (route) => route.fulfill({ json: pending }));
  await uploadByHand(page, { file: await fixture('lake.png'), name: 'Ada' });
  await page.getByRole('heading', { name: '“lake.png” is saved' }).waitFor();
  await at('saved, not in S3 yet');
}

async function browse({ page, server, at }) {
  await page.goto(server.url);
  await cardsOf(page, 'Alan').waitFor();
  await page.getByRole('button', { name: 'Mine' }).click();
  await page.getByText('No images yet. Those that you upload').waitFor();
  await at('mine, none yet');

  const gallery = page.locator('image-gallery');
  await page.getByRole('button', { name: 'Everyone’s' }).click();
  await gallery.getByRole('button', { name: 'Images by Grace' }).first().click();
  await page.getByRole('heading', { name: 'Images by Grace' }).waitFor();
  await gallery.getByRole('listitem').nth(1).waitFor();
  await at('filtered by a name');
  await gallery.getByRole('searchbox').fill('Nobody');
  await page.keyboard.press('Enter');
  await page.getByText('No images by “Nobody”').waitFor();
  await at('filtered by a name that nobody has');

  await fill(page, { file: [await fixture('hills.jpg'), await fixture('lake.png')], name: 'Ada' });
  await formOf(page).submit.click();
  await resultOf(page, 'lake.png').title.waitFor();
  await resultOf(page, 'hills.jpg').title.waitFor();
  await page.getByRole('button', { name: 'Mine' }).click();
  await cardsOf(page, 'Ada').nth(1).waitFor();
  await page.getByText('Take this list elsewhere').click();
  await at('mine');
  await page.getByText('Take this list elsewhere').click();

  await page.getByRole('button', { name: 'Select', exact: true }).click();
  await gallery.getByRole('checkbox').first().check();
  await at('one selected');

  await page.getByRole('button', { name: 'Delete 1 image' }).click();
  // The ten seconds stand still there.
  await page.getByRole('button', { name: 'Undo' }).focus();
  await at('deleted, to be undone');
  await page.getByRole('button', { name: 'Undo' }).click();
  await cardsOf(page, 'Ada').nth(1).waitFor();
}

async function look({ page, server, at }) {
  await page.goto(server.url);
  await cardsOf(page, 'Alan').getByRole('link').click();
  const viewer = page.getByRole('dialog');
  await viewer.getByRole('img').evaluate((image) => image.decode());
  await at('large view');
  await page.keyboard.press('ArrowLeft');
  await viewer.getByRole('heading', { name: 'Somebody whose name' }).waitFor();
  await at('large view, a long name');
}

async function deleteByLink({ page, server, at }) {
  const { id, delete_token: token } = await upload(server, await fixture('dusk.webp'), { uploader: 'Ada', alt: 'Dusk' });
  await page.goto(`${server.url}#/delete/${id}/${token}`);
  const dialog = page.getByRole('dialog', { name: 'Delete this image?' });
  await dialog.getByText('Uploaded by Ada.').waitFor();
  await at('a delete link asks');
  await dialog.getByRole('button', { name: 'Delete' }).click();
  await dialog.waitFor({ state: 'hidden' });

  await page.goto('about:blank');
  await page.goto(`${server.url}#/delete/${id}/${token}`);
  await page.getByRole('dialog', { name: 'Nothing to delete' }).waitFor();
  await at('a delete link of an image that is gone');
}

async function askForKey({ page, server, at }) {
  await page.goto(server.url);
  await formOf(page).uploadKey.fill('not a key');
  await fill(page, { file: await fixture('hills.jpg'), name: 'Ada' });
  await formOf(page).submit.click();
  await page.getByText('This cannot be an upload key').waitFor();
  await at('an upload key is asked for');
}

async function speakGerman({ page, server, at }) {
  await page.goto(server.url);
  await page.locator('#file[multiple]').setInputFiles([await fixture('hills.jpg'), noisePng(2048, 'riesig.png')]);
  await page.getByText('„riesig.png“').first().waitFor();
  await page.locator('#uploader').fill('Ada');
  await at('German, files chosen');
  await page.locator('upload-form [type=submit]').click();
  await page.locator('upload-result h3').waitFor();
  await page.getByRole('button', { name: 'Meine' }).click();
  await page.locator('image-card').first().waitFor();
  await at('German, one stored');
  await page.locator('image-card a').first().click();
  await page.locator('image-viewer dialog[open] img').waitFor();
  await at('German, large view');
}

/**
 * @type {Record<string, object>} by what is done; walk: see choose(); settings: of the server; complaints: see
 *   withPage(); context: of the browser
 */
export const JOURNEYS = {
  choosing: { walk: choose },
  sending: { walk: send, complaints: [/ERR_/] },
  failing: { walk: fail, complaints: [/415/, /503/] },
  finishing: { walk: finish },
  browsing: { walk: browse },
  looking: { walk: look },
  'deleting by a link': { walk: deleteByLink, complaints: [/410/] },
  'giving a key': { walk: askForKey, settings: { UPLOAD_KEYS: `phone:${KEY_HASH}${KEY_HASH}`, PUBLIC_LISTING: 'false', ADMIN_KEY: 'key-of-the-operator-d36e23d022f67380' } },
  'in German': { walk: speakGerman, context: { locale: 'de-DE' } },
};

/**
 * Walks one of them, on a server of its own.
 * @param {object} journey
 * @param {{browser: import('playwright-core').Browser, context: import('playwright-core').BrowserContextOptions}} parts
 * @param {(page: import('playwright-core').Page, state: string) => Promise<void>} at
 */
export async function setOut({ walk, settings, complaints, context }, { browser, context: common }, at) {
  const server = await Server.start(settings);
  try {
    const origins = [new URL(server.url).origin, await populate(server)];
    const steps = (page) => walk({ page, server, at: (state) => at(page, state) });
    await withPage(browser, origins, steps, { complaints, context: { ...common, ...context } });
  } finally {
    await server.stop();
  }
}

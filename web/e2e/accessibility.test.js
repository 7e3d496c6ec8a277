import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { faultsOf, focusOf, JUDGED } from './support/accessible.js';
import { imagesOf } from './support/api.js';
import { startBrowser } from './support/browser.js';
import { cardsOf, formOf, resultOf, rowOf } from './support/form.js';
import { fixture } from './support/images.js';
import { JOURNEYS, setOut } from './support/journeys.js';

const MOST_STOPS = 40;

let browser;

before(async () => {
  browser = await startBrowser();
});

after(() => browser?.close());

async function judgeEveryState(journey) {
  const found = [];
  await setOut(journey, { browser, context: JUDGED }, async (page, state) => {
    const faults = await faultsOf(page);
    found.push(...faults.map((fault) => `${state}, ${fault}`));
  });
  assert.ok(found.length === 0, `${found.length} faults:\n${found.join('\n')}`);
}

for (const [deed, journey] of Object.entries(JOURNEYS)) {
  test(`everybody can use the page in every state of ${deed}`, () => judgeEveryState(journey));
}

test('what nobody can use is noticed', async () => {
  const broken = {
    async walk({ page, server, at }) {
      await page.goto(server.url);
      await page.evaluate(() => {
        const image = document.createElement('img');
        const button = document.createElement('button');
        button.textContent = 'Tiny';
        button.className = 'tiny';
        image.src = 'favicon.svg';
        const sheet = new CSSStyleSheet();
        sheet.replaceSync('.tiny { border: 0; padding: 0; font-size: 8px; color: #ccc; animation: turn 1s infinite; margin-inline-start: 700px } @keyframes turn { to { opacity: 0.5 } }');
        document.adoptedStyleSheets = [sheet];
        document.querySelector('main').append(image, button);
      });
      await at('broken');
    },
  };
  await assert.rejects(judgeEveryState(broken), ({ message }) => {
    for (const fault of [
      /reduced motion: turn moves tiny/,
      /light: image-alt at/,
      /dark: image-alt at/,
      /light: color-contrast at \.tiny/,
      /forced colours: nothing shows that “Tiny” is a button/,
      /desktop: <button class="tiny">/,
      /320 pixels: is \d+ wide by button\.tiny/,
      /zoom 200 %: is \d+ wide/,
    ]) {
      assert.match(message, fault);
    }
    return true;
  });
});

/** Presses Tab until the keyboard is at `goal`, and looks at every stop on the way. */
async function tabTo(page, goal, seen) {
  await goal.waitFor({ state: 'attached' });
  const isThere = () => goal.evaluate((element) => element === document.activeElement);
  for (let stop = 0; stop < MOST_STOPS; stop += 1) {
    await page.keyboard.press('Tab');
    const focus = await focusOf(page);
    seen.push(focus);
    if (await isThere()) {
      return;
    }
  }
  assert.fail(`Tab does not lead to ${goal}, but to\n${seen.map(({ element }) => element).join('\n')}`);
}

for (const forcedColors of ['none', 'active']) {
  test(`the keyboard does everything from the first load to the copied link, and shows where it is, forced colours: ${forcedColors}`, () =>
    walkByKeyboard({ forcedColors, permissions: ['clipboard-read', 'clipboard-write'] }));
}

function walkByKeyboard(context) {
  return setOut({ walk: uploadByKeyboard, context }, { browser, context: JUDGED }, () => {});
}

async function uploadByKeyboard({ page, server }) {
  const seen = [];
  // Asked for in time: the browser is told to hand its dialog over, which takes a moment.
  const chooser = page.waitForEvent('filechooser');
  await page.goto(server.url);
  await cardsOf(page, 'Alan').waitFor();
  const region = await page.$('[role=status]#announcements');

  await tabTo(page, formOf(page).name, seen);
  await page.keyboard.type('Ada by keyboard');
  await tabTo(page, formOf(page).file, seen);
  await page.keyboard.press('Space');
  await (await chooser).setFiles([await fixture('hills.jpg'), await fixture('lake.png')]);
  await rowOf(page, 'lake.png').row.waitFor();
  await tabTo(page, rowOf(page, 'hills.jpg').description, seen);
  await page.keyboard.type('Hills at dusk');
  await tabTo(page, rowOf(page, 'lake.png').remove, seen);
  await page.keyboard.press('Enter');
  await rowOf(page, 'lake.png').row.waitFor({ state: 'detached' });
  // In a text field Enter sends, as it does everywhere.
  await formOf(page).name.focus();
  await page.keyboard.press('Enter');

  const result = resultOf(page, 'hills.jpg');
  await result.title.waitFor();
  await tabTo(page, result.card.getByRole('combobox'), seen);
  await page.keyboard.press('ArrowDown');
  await tabTo(page, result.copyLink, seen);
  await page.keyboard.press('Enter');
  const { link } = (await imagesOf(server, 'Ada by keyboard'))[0];
  await page.waitForFunction(async (wanted) => (await navigator.clipboard.readText()) === wanted, `![Hills at dusk](${link})`);

  // On through the rest of the page: nothing holds the keyboard back.
  await tabTo(page, page.getByRole('button', { name: 'Mine' }), seen);
  await page.keyboard.press('Space');
  await page.getByRole('heading', { name: 'Your images' }).waitFor();
  await tabTo(page, cardsOf(page, 'Ada by keyboard').getByRole('link'), seen);
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  await tabTo(page, page.getByRole('dialog').getByRole('button', { name: 'Close' }), seen);
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'hidden' });
  await tabTo(page, page.getByLabel('Theme'), seen);

  const way = seen.map(({ element, outlined, uncovered }) => `${element}${outlined ? '' : ', no outline'}${uncovered ? '' : ', covered'}`);
  assert.ok(seen.every(({ outlined, uncovered }) => outlined && uncovered), way.join('\n'));
  assert.ok(await region.evaluate((element) => element.isConnected && element === document.getElementById('announcements')), 'the status region stays');
}

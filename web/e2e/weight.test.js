/*
 * What the first load costs: bytes, requests, and whether anything moves that
 * somebody may be reading already.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';

import { upload } from './support/api.js';
import { withPage } from './support/browser.js';
import { cardsOf, fill, formOf, resultOf, rowOf } from './support/form.js';
import { fixture, smoothPng } from './support/images.js';
import { suite } from './support/suite.js';

const { it, parts } = suite();

const MOST_BYTES = 60_000;
// "Good" is below 0.1; rounding of places that did not move stays below this.
const LEAST_SHIFT = 0.001;

/** Collects every answer from now on. @returns {() => Promise<{kind: string, path: string, bytes: number}[]>} */
function weigh(page) {
  const requests = [];
  page.on('requestfinished', (request) => requests.push(request));
  return () => Promise.all(requests.map(weightOf));
}

/** As transferred when compressed: what the server compressed counts as it came. */
async function weightOf(request) {
  const response = await request.response();
  const { responseBodySize } = await request.sizes();
  const asSent = 'content-encoding' in response.headers() || request.resourceType() === 'image';
  return {
    kind: request.resourceType(),
    path: new URL(request.url()).pathname,
    bytes: asSent ? responseBodySize : gzipSync(await response.body()).length,
  };
}

/** Collects what moves by itself, whether or not somebody touched the page before. @returns {Promise<() => Promise<object>>} */
async function watchShifts(page) {
  await page.addInitScript(() => {
    globalThis.shifts = [];
    globalThis.shiftObserver = new PerformanceObserver((list) => globalThis.shifts.push(...list.getEntries()));
    globalThis.shiftObserver.observe({ type: 'layout-shift', buffered: true });
  });
  return () =>
    page.evaluate(async () => {
      // What was laid out before this frame is reported by the end of the next.
      await new Promise((resolve) => {
        requestAnimationFrame(() => requestAnimationFrame(resolve));
      });
      const entries = [...globalThis.shifts, ...globalThis.shiftObserver.takeRecords()];
      globalThis.shifts = [];
      return {
        value: entries.reduce((sum, { value }) => sum + value, 0),
        moved: entries.flatMap(({ sources }) =>
          sources.map(({ node, previousRect: from, currentRect: to }) => {
            const name = node?.className || node?.localName || node?.parentElement?.className;
            return `${name} from ${from.x},${from.y} ${from.width}×${from.height} to ${to.x},${to.y} ${to.width}×${to.height}`;
          }),
        ),
      };
    });
}

/** Uploads do not leave before they are let go. @returns {Promise<() => void>} */
async function holdUploads(page) {
  let letGo;
  const held = new Promise((resolve) => {
    letGo = resolve;
  });
  await page.route('**/api/v1/images', async (route) => {
    await held;
    await route.continue();
  });
  return letGo;
}

function assertStill({ value, moved }, when) {
  assert.ok(value < LEAST_SHIFT, `${when}, layout shift ${value}:\n${moved.join('\n')}`);
}

test('the first load has few bytes, and asks for nothing twice', async (t) => {
  const { browser, server, s3Origin } = parts;
  await withPage(browser, [new URL(server.url).origin, s3Origin], async (page) => {
    const finished = weigh(page);
    await page.goto(server.url, { waitUntil: 'networkidle' });
    await cardsOf(page, 'First Comer').waitFor();
    const all = await finished();
    const needed = all.filter(({ kind, path }) => kind !== 'image' && !path.startsWith('/api/'));
    const without = all.filter(({ kind }) => kind !== 'image');
    const bytes = without.reduce((sum, each) => sum + each.bytes, 0);

    t.diagnostic(`first load: ${bytes} bytes compressed, without images (at most ${MOST_BYTES})`);
    t.diagnostic(`first load: ${needed.length} requests until usable, ${all.length} with images and answers of the API`);
    const heaviest = without.toSorted((a, b) => b.bytes - a.bytes).map((each) => `${each.bytes} ${each.path}`);
    assert.ok(bytes <= MOST_BYTES, `${bytes} bytes:\n${heaviest.join('\n')}`);
    const paths = needed.map(({ path }) => path);
    assert.deepEqual(paths.filter((path, at) => paths.indexOf(path) !== at), []);
  });
});

test('a page that does what its policy forbids fails its test', async () => {
  const { browser, server, s3Origin } = parts;
  const steps = async (page) => {
    await page.goto(server.url);
    await page.evaluate(async () => {
      const reported = new Promise((resolve) => {
        document.addEventListener('securitypolicyviolation', resolve);
      });
      const style = document.createElement('style');
      style.textContent = 'body { color: red }';
      document.head.append(style);
      await reported;
    });
  };
  const origins = [new URL(server.url).origin, s3Origin];
  const judged = withPage(browser, origins, steps, { complaints: [/Content Security Policy/] });
  await assert.rejects(judged, /content security policy[^]*style-src-elem: inline/);
});

for (const [screen, viewport] of Object.entries({ desktop: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } })) {
  it(
    `nothing moves by itself while the page loads, and during an upload, on a ${screen}`,
    async (page, { server }) => {
      await upload(server, smoothPng(1600, 900), { uploader: `Ada on a ${screen}` });
      const shifts = await watchShifts(page);
      await page.goto(server.url, { waitUntil: 'networkidle' });
      await cardsOf(page, `Ada on a ${screen}`).waitFor();
      assertStill(await shifts(), 'first load');

      await fill(page, { file: await fixture('hills.jpg'), name: `Grace on a ${screen}` });
      await formOf(page).submit.scrollIntoViewIfNeeded();
      const letGo = await holdUploads(page);
      await formOf(page).submit.click();
      await rowOf(page, 'hills.jpg').cancel.waitFor();
      // Of choosing and pressing the button: the person asked for it.
      await shifts();
      letGo();
      await resultOf(page).title.waitFor();
      assertStill(await shifts(), 'upload');
    },
    { context: { viewport } },
  );
}

/*
 * Lighthouse's scores of the page as a first start serves it: the real binary on
 * a port of its own, with a temporary folder and a few images. Prints the four
 * scores of a phone and of a desktop; writes the reports as JSON.
 *   node lighthouse.js FOLDER-OF-REPORTS
 */

import { execFile } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

import { upload } from './e2e/support/api.js';
import { ARGUMENTS, CHROMIUM } from './e2e/support/browser.js';
import { fixture, smoothPng } from './e2e/support/images.js';
import { Server } from './e2e/support/server.js';

// Not among the dependencies: it is large, and no test needs it.
const LIGHTHOUSE = 'lighthouse@12.8.2';
const PRESETS = { phone: [], desktop: ['--preset=desktop'] };

const folder = path.resolve(process.argv[2] ?? '../target/lighthouse');
await mkdir(folder, { recursive: true });
const server = await Server.start();
try {
  await upload(server, await fixture('hills.jpg'), { uploader: 'Ada', alt: 'Hills at dusk' });
  await upload(server, await fixture('lake.png'), { uploader: 'Grace' });
  await upload(server, smoothPng(1600, 900), { uploader: 'Alan', alt: 'A slope of colours' });
  for (const [screen, options] of Object.entries(PRESETS)) {
    const report = path.join(folder, `${screen}.json`);
    await run(report, options);
    tell(screen, JSON.parse(await readFile(report, 'utf8')));
  }
} finally {
  await server.stop();
}

async function run(report, options) {
  const flags = ['--headless=new', ...ARGUMENTS].join(' ');
  const sort = ['--output=json', `--output-path=${report}`, '--quiet', '--no-enable-error-reporting'];
  await promisify(execFile)('npx', ['--yes', LIGHTHOUSE, server.url, `--chrome-flags=${flags}`, ...sort, ...options], {
    env: { ...process.env, CHROME_PATH: CHROMIUM },
    maxBuffer: 64 * 1024 * 1024,
  });
}

/** The scores, and every audit that cost points. */
function tell(screen, { categories, audits }) {
  const scores = Object.values(categories).map(({ title, score }) => `${title} ${Math.round(score * 100)}`);
  console.log(`${screen}: ${scores.join(', ')}`);
  for (const { title, auditRefs } of Object.values(categories)) {
    for (const { id, weight } of auditRefs) {
      const { score, title: fault, displayValue = '' } = audits[id];
      if (weight > 0 && score !== null && score < 1) {
        console.log(`  ${title}: ${fault} ${displayValue}`.trimEnd());
      }
    }
  }
}

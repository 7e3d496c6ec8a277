/*
 * One Chromium per test file, one clean context per test. A test also fails when
 * the page complained in its console, did what its content security policy
 * forbids, or asked an origin that it should not know.
 */

import assert from 'node:assert/strict';

import { chromium } from 'playwright-core';

export const CHROMIUM = '/usr/bin/chromium';
export const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const PATIENCE_MS = 15_000;

export function startBrowser() {
  return chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS });
}

/**
 * Runs `steps` with a fresh page and judges the page afterwards.
 * @param {import('playwright-core').Browser} browser
 * @param {string[]} origins that the page may ask
 * @param {(page: import('playwright-core').Page) => Promise<void>} steps
 * @param {object} [options]
 * @param {RegExp[]} [options.complaints] console errors that the steps provoke (Chromium logs every 4xx and 5xx)
 * @param {import('playwright-core').BrowserContextOptions} [options.context]
 */
export async function withPage(browser, origins, steps, { complaints = [], context: contextOptions = {} } = {}) {
  // The page's own English, not that of wherever the tests run.
  const context = await browser.newContext({ locale: 'en-GB', ...contextOptions });
  context.setDefaultTimeout(PATIENCE_MS);
  const heard = [];
  const violations = await collectViolations(context);
  const asked = new Set();
  context.on('request', (request) => asked.add(originOf(request.url())));
  context.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) {
      heard.push(message.text());
    }
  });
  context.on('weberror', (error) => heard.push(String(error.error())));
  try {
    const page = await context.newPage();
    await steps(page);
    assert.deepEqual(heard.filter((text) => !complaints.some((known) => known.test(text))), [], 'console');
    assert.deepEqual(violations, [], 'content security policy');
    assert.deepEqual([...asked].filter((origin) => !origins.includes(origin)), [], 'foreign origins');
  } finally {
    await context.close();
  }
}

/** What the policy forbade, on every page of the context. @returns {Promise<string[]>} filled as it happens */
async function collectViolations(context) {
  const violations = [];
  await context.exposeFunction('reportViolation', (violation) => violations.push(violation));
  await context.addInitScript(() =>
    document.addEventListener('securitypolicyviolation', ({ effectiveDirective, blockedURI, sourceFile }) =>
      globalThis.reportViolation(`${effectiveDirective}: ${blockedURI} (${sourceFile})`),
    ),
  );
  return violations;
}

/** A picture of the person's own (blob:) belongs to the page's origin. */
function originOf(address) {
  return new URL(address.replace(/^blob:/, '')).origin;
}

/**
 * Chromium's own throttle: bytes leave the page at this rate.
 * @returns {Promise<() => Promise<void>>} lets them go at full speed again
 */
export async function slowUploads(page, bytesPerSecond) {
  const session = await page.context().newCDPSession(page);
  const limit = (uploadThroughput) =>
    session.send('Network.emulateNetworkConditions', {
      offline: false,
      latency: 0,
      downloadThroughput: -1,
      uploadThroughput,
    });
  await session.send('Network.enable');
  await limit(bytesPerSecond);
  return () => limit(-1);
}

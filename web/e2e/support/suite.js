/*
 * What every file of tests begins with: a server of its own, a browser, and
 * `it`, which runs a test in a page of it.
 */

import { after, before, test } from 'node:test';

import { upload } from './api.js';
import { startBrowser, withPage } from './browser.js';
import { startGate } from './gate.js';
import { fixture } from './images.js';
import { Server } from './server.js';

/** @param {Record<string, string>} [settings] of the server, as in Server.start() */
export function suite(settings) {
  const parts = {};

  before(async () => {
    parts.server = await Server.start(settings);
    parts.browser = await startBrowser();
    // The one other origin that the page may name: where S3 serves the images.
    const { url } = await upload(parts.server, await fixture('dusk.gif'), { uploader: 'First Comer' });
    parts.s3Origin = new URL(url).origin;
  });

  after(async () => {
    await parts.browser?.close();
    await parts.server?.stop();
  });

  /** @param {(page: import('playwright-core').Page, parts: {server: Server, s3Origin: string}) => Promise<void>} steps */
  function it(sentence, steps, options) {
    test(sentence, async () => {
      const origins = [new URL(parts.server.url).origin, parts.s3Origin];
      await withPage(parts.browser, origins, (page) => steps(page, parts), options);
    });
  }

  /** As `it`, with a gate before the server. @param {(page: object, gate: object, server: Server) => Promise<void>} steps */
  function itBehindGate(sentence, steps, options) {
    test(sentence, async () => {
      const gate = await startGate(parts.server.url);
      try {
        const origins = [new URL(gate.url).origin, parts.s3Origin];
        await withPage(parts.browser, origins, (page) => steps(page, gate, parts.server), options);
      } finally {
        await gate.stop();
      }
    });
  }

  return { it, itBehindGate, parts };
}

/*
 * Starts and ends the real binary, each with a folder of its own and nothing
 * else in its environment but the settings of the test: without any, it is what
 * a first start on a laptop has.
 */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const WEB = fileURLToPath(new URL('../../', import.meta.url));
const BINARY = path.resolve(process.env.IMAGE_HANDLER_BIN ?? path.join(WEB, '../target/debug/image-handler'));

const READY_MS = 30_000;
const STOP_MS = 30_000;

export class Server {
  #process = null;
  #log = '';
  #uploadsDir;
  #settings;

  /** @param {Record<string, string>} settings environment variables of the service */
  constructor(settings) {
    this.#settings = settings;
  }

  /** @param {Record<string, string>} [settings] as for the constructor */
  static async start(settings = {}) {
    const server = new Server(settings);
    server.#uploadsDir = await mkdtemp(path.join(tmpdir(), 'image-handler-e2e-'));
    await server.#run('127.0.0.1:0').catch((error) => server.#removeFolder().then(() => Promise.reject(error)));
    return server;
  }

  /** What lets the tests do anything, on servers that have an operator. @returns {Record<string, string>} headers */
  get operator() {
    const { ADMIN_KEY: key } = this.#settings;
    return key === undefined ? {} : { Authorization: `Bearer ${key}` };
  }

  /** Again, with the same folder and on the same port. */
  async restart() {
    await this.#run(new URL(this.url).host);
  }

  /** As a service manager does. A clean end is part of what is tested. */
  async stop() {
    try {
      if (this.#process === null) {
        return;
      }
      const [code, signal] = await this.#end('SIGTERM');
      assert.deepEqual({ code, signal }, { code: 0, signal: null }, `after SIGTERM:\n${this.#log}`);
    } finally {
      await this.#removeFolder();
    }
  }

  /** As a power cut does, as far as the client can tell. */
  async kill() {
    await this.#end('SIGKILL');
  }

  async #run(listen) {
    const child = spawn(BINARY, [], {
      env: { ...this.#settings, UPLOADS_DIR: this.#uploadsDir, LISTEN: listen, WEB_DIR: path.join(WEB, 'public') },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#process = child;
    this.#log = '';
    child.stderr.setEncoding('utf8').on('data', (text) => {
      this.#log += text;
    });
    this.url = await this.#readAddress(child);
  }

  #readAddress(child) {
    return new Promise((resolve, reject) => {
      const refuse = (why) => {
        child.kill('SIGKILL');
        reject(new Error(`${BINARY} ${why}\n${this.#log}`));
      };
      const timer = setTimeout(refuse, READY_MS, `told no address within ${READY_MS / 1000} s`);
      child.once('error', (error) => refuse(`did not start: ${error.message}`));
      child.once('exit', (code, signal) => refuse(`ended before it was ready: ${code ?? signal}`));
      createInterface({ input: child.stdout }).on('line', (line) => {
        const [address] = /http:\/\/[\d.]+:\d+\//.exec(line) ?? [];
        if (address !== undefined) {
          clearTimeout(timer);
          child.removeAllListeners('exit');
          resolve(address);
        }
      });
    });
  }

  async #end(signal) {
    const child = this.#process;
    this.#process = null;
    if (child.exitCode !== null || child.signalCode !== null) {
      return [child.exitCode, child.signalCode];
    }
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    child.kill(signal);
    const outcome = await once(child, 'exit');
    clearTimeout(timer);
    return outcome;
  }

  async #removeFolder() {
    await rm(this.#uploadsDir, { recursive: true, force: true });
  }
}

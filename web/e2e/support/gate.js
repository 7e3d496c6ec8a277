/*
 * A proxy before the server at which every upload waits until the test says what
 * becomes of it. Everything else goes through. It keeps no connection open:
 * Chromium repeats a POST by itself on one that it had used before.
 */

import { once } from 'node:events';
import { createServer, request as ask } from 'node:http';

import { expectSoon } from './soon.js';

/** One upload that has arrived whole. */
class Post {
  #request;
  #response;
  #target;
  #body;
  #decided = false;

  constructor(request, response, target, body) {
    this.#request = request;
    this.#response = response;
    this.#target = target;
    this.#body = body;
  }

  get key() {
    return this.#request.headers['idempotency-key'];
  }

  get fileName() {
    return /filename="([^"]*)"/.exec(this.#body.toString('latin1'))?.[1];
  }

  /** The page has no answer yet. */
  get isOpen() {
    return !this.#response.writableEnded && !this.#response.destroyed;
  }

  /** The test has not said yet what becomes of it. */
  get isWaiting() {
    return this.isOpen && !this.#decided;
  }

  /** The server has it, and its answer goes back. */
  async pass() {
    this.#decided = true;
    const { status, headers, body } = await forward(this.#request, this.#body, this.#target);
    this.#response.writeHead(status, { ...headers, connection: 'close' }).end(body);
  }

  /** The server has it, and nobody learns of it. */
  async loseAnswer() {
    this.#decided = true;
    await forward(this.#request, this.#body, this.#target);
    this.#response.destroy();
  }

  /** @param {object | string} answer a problem of the API, or what a proxy writes */
  answer(status, answer, headers = {}) {
    const [type, body] =
      typeof answer === 'string' ? ['text/html', answer] : ['application/problem+json', JSON.stringify({ status, ...answer })];
    this.#response.writeHead(status, { 'content-type': type, connection: 'close', ...headers }).end(body);
  }
}

class Gate {
  /** All that have arrived, in this order. @type {Post[]} */
  posts = [];
  /** The most that were open at the same time. */
  mostOpen = 0;
  /** What becomes of an upload, unless the test says so of each. @type {(post: Post) => unknown} */
  onPost = () => {};
  /** Asked when half of a body has come: whether the line breaks there. */
  cuts = () => false;
  #target;
  #proxy = createServer((request, response) => this.#take(request, response));

  constructor(target) {
    this.#target = target;
  }

  get url() {
    return `http://127.0.0.1:${this.#proxy.address().port}/`;
  }

  async listen() {
    this.#proxy.listen(0, '127.0.0.1');
    await once(this.#proxy, 'listening');
  }

  /** From now on, and those that wait. */
  async openWide() {
    this.onPost = (post) => post.pass();
    await Promise.all(this.posts.filter(({ isWaiting }) => isWaiting).map((post) => post.pass()));
  }

  /** Until so many wait here. @returns {Promise<Post[]>} in the order of arrival */
  async waiting(count) {
    const waiting = () => this.posts.filter(({ isWaiting }) => isWaiting);
    await expectSoon(() => waiting().length, count);
    return waiting();
  }

  async stop() {
    this.#proxy.closeAllConnections();
    this.#proxy.close();
    await once(this.#proxy, 'close');
  }

  async #take(request, response) {
    // What the page or the test breaks off is no fault of the gate.
    request.on('error', () => {});
    const body = await this.#read(request);
    if (body === null) {
      return;
    }
    if (request.method !== 'POST') {
      const answer = await forward(request, body, this.#target);
      response.writeHead(answer.status, { ...answer.headers, connection: 'close' }).end(answer.body);
      return;
    }
    const post = new Post(request, response, this.#target, body);
    this.posts.push(post);
    this.mostOpen = Math.max(this.mostOpen, this.posts.filter(({ isOpen }) => isOpen).length);
    await this.onPost(post);
  }

  /** @returns {Promise<Buffer | null>} null: it did not come whole */
  async #read(request) {
    const half = Number(request.headers['content-length'] ?? 0) / 2;
    const chunks = [];
    let length = 0;
    try {
      for await (const chunk of request) {
        chunks.push(chunk);
        length += chunk.length;
        if (request.method === 'POST' && length > half && this.cuts()) {
          request.destroy();
          return null;
        }
      }
      return Buffer.concat(chunks);
    } catch {
      return null;
    }
  }
}

/** @returns {Promise<Gate>} */
export async function startGate(target) {
  const gate = new Gate(target);
  await gate.listen();
  return gate;
}

async function forward({ method, url, headers }, body, target) {
  const outgoing = ask(new URL(url, target), { method, headers: { ...headers, connection: 'close' } });
  outgoing.end(body);
  const [incoming] = await once(outgoing, 'response');
  const chunks = await incoming.toArray();
  const answer = { ...incoming.headers };
  // It goes back whole.
  delete answer['transfer-encoding'];
  return { status: incoming.statusCode, headers: answer, body: Buffer.concat(chunks) };
}

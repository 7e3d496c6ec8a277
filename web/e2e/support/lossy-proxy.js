/*
 * A proxy that, while told to, carries a POST to the server and loses the
 * answer: the server has the image, the page cannot know. One lost answer is not
 * enough: Chromium itself repeats a POST once on a connection that it had used before.
 */

import { once } from 'node:events';
import { createServer, connect } from 'node:net';

export async function startLossyProxy(target) {
  const { hostname, port } = new URL(target);
  const sockets = new Set();
  let losing = false;

  const proxy = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      socket.on('error', () => {
        client.destroy();
        upstream.destroy();
      });
    }
    let posting = false;
    client.on('data', (data) => {
      posting ||= data.toString('latin1').startsWith('POST ');
      upstream.write(data);
    });
    upstream.on('data', (data) => {
      if (posting && losing) {
        client.destroy();
        return;
      }
      client.write(data);
    });
    client.on('end', () => upstream.end());
    upstream.on('end', () => client.end());
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');

  return {
    url: `http://127.0.0.1:${proxy.address().port}/`,
    loseAnswers(lose) {
      losing = lose;
    },
    async stop() {
      sockets.forEach((socket) => socket.destroy());
      proxy.close();
      await once(proxy, 'close');
    },
  };
}

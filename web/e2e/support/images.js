/*
 * Images for the tests. The fixtures were written by Pillow; larger ones are
 * made here, of noise, so that nothing can make them smaller.
 */

import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { crc32, deflateSync } from 'node:zlib';

/** @returns {Promise<{name: string, mimeType: string, buffer: Buffer}>} as Playwright takes files */
export async function fixture(name) {
  const types = { jpg: 'image/jpeg', png: 'image/png', gif: 'image/gif', webp: 'image/webp' };
  return {
    name,
    mimeType: types[name.split('.').pop()],
    buffer: await readFile(new URL(`../fixtures/${name}`, import.meta.url)),
  };
}

/** A PNG as large as a photo, of smooth colours, so that it has few bytes. Each is another: `seed` says which. */
export function smoothPng(width, height, seed = 0) {
  const rows = Buffer.alloc(height * (width * 3 + 1));
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      rows.set([(x * 255) / width, (y * 255) / height, (seed * 16) % 256], y * (width * 3 + 1) + 1 + x * 3);
    }
  }
  return png({ name: `smooth-${seed}.png`, width, height, pixels: deflateSync(rows) });
}

/** A PNG whose container is in order, and whose pixels are none. */
export function undecodablePng() {
  return png({ name: 'broken.png', width: 400, height: 300, pixels: randomBytes(500) });
}

/** A PNG of about `kilobytes` KB, stored without compression. */
export function noisePng(kilobytes, name = 'noise.png') {
  const width = 256;
  const height = Math.floor((kilobytes * 1024) / (width * 3 + 1));
  const rows = Buffer.concat(Array.from({ length: height }, () => Buffer.concat([Buffer.of(0), randomBytes(width * 3)])));
  return png({ name, width, height, pixels: deflateSync(rows, { level: 0 }) });
}

function png({ name, width, height, pixels }) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  // 8 bits per channel, red, green and blue.
  header.set([8, 2, 0, 0, 0], 8);
  const buffer = Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('IDAT', pixels),
    chunk('IEND', Buffer.alloc(0)),
  ]);
  return { name, mimeType: 'image/png', buffer };
}

/** The JPEG with an EXIF segment as cameras write it: it was held upright (orientation 6), and which camera it was. */
export function fromCamera({ name, mimeType, buffer }, camera = 'Camera of Ada') {
  const model = Buffer.from(`${camera}\0`);
  const exif = Buffer.alloc(38);
  // TIFF 6.0, big-endian: header, one directory of two entries (tag, type, count, value or offset), no next one.
  exif.write('MM\0*', 0, 'latin1');
  exif.writeUInt32BE(8, 4);
  exif.writeUInt16BE(2, 8);
  exif.writeUInt16BE(0x0110, 10);
  exif.writeUInt16BE(2, 12);
  exif.writeUInt32BE(model.length, 14);
  exif.writeUInt32BE(exif.length, 18);
  exif.writeUInt16BE(0x0112, 22);
  exif.writeUInt16BE(3, 24);
  exif.writeUInt32BE(1, 26);
  exif.writeUInt16BE(6, 30);
  const body = Buffer.concat([Buffer.from('Exif\0\0', 'latin1'), exif, model]);
  const marker = Buffer.from([0xff, 0xe1, 0, 0]);
  marker.writeUInt16BE(body.length + 2, 2);
  // Right behind the two bytes that begin every JPEG.
  return { name, mimeType, buffer: Buffer.concat([buffer.subarray(0, 2), marker, body, buffer.subarray(2)]) };
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const check = Buffer.alloc(4);
  check.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, check]);
}

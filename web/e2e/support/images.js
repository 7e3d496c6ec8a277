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

/** A GIF of two frames of one pixel, and of a comment that makes it as large as it has to be. */
export function animatedGif(kilobytes = 1, name = 'dance.gif') {
  const screen = Buffer.from('GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff', 'latin1');
  const frame = Buffer.from('!\xf9\x04\0\x0a\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0', 'latin1');
  const blocks = Array.from({ length: kilobytes * 4 }, () => Buffer.from(`\xff${'x'.repeat(255)}`, 'latin1'));
  const comment = Buffer.concat([Buffer.from('!\xfe', 'latin1'), ...blocks, Buffer.of(0)]);
  return { name, mimeType: 'image/gif', buffer: Buffer.concat([screen, frame, comment, frame, Buffer.from(';')]) };
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

/** The JPEG with an EXIF segment as cameras write it: how it was held (6: upright), and which camera it was. */
export function fromCamera(file, camera = 'Camera of Ada', orientation = 6) {
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
  exif.writeUInt16BE(orientation, 30);
  return withSegment(file, 0xe1, Buffer.concat([Buffer.from('Exif\0\0', 'latin1'), exif, model]));
}

/** The JPEG with a colour profile (ICC.1, a matrix) in which red is what others call blue. */
export function withSwappedColours(file) {
  const number = (value) => {
    const fixed = Buffer.alloc(4);
    fixed.writeInt32BE(Math.round(value * 65_536));
    return fixed;
  };
  const colour = (...xyz) => Buffer.concat([Buffer.from('XYZ \0\0\0\0', 'latin1'), ...xyz.map(number)]);
  const word = (...bytes) => Buffer.of(...bytes);
  // A gamma of 2.2, in 1/256; padded to four bytes.
  const gamma = Buffer.concat([Buffer.from('curv\0\0\0\0\0\0\0\x01', 'latin1'), word(2, 51, 0, 0)]);
  const tags = [
    ['rXYZ', colour(0.1431, 0.0606, 0.7141)],
    ['gXYZ', colour(0.3851, 0.7169, 0.0971)],
    ['bXYZ', colour(0.436, 0.2225, 0.0139)],
    ['wtpt', colour(0.9642, 1, 0.8249)],
    ...['rTRC', 'gTRC', 'bTRC'].map((name) => [name, gamma]),
  ];
  const table = Buffer.alloc(4 + tags.length * 12);
  table.writeUInt32BE(tags.length);
  let offset = 128 + table.length;
  tags.forEach(([name, data], index) => {
    table.write(name, 4 + index * 12, 'latin1');
    table.writeUInt32BE(offset, 8 + index * 12);
    table.writeUInt32BE(data.length, 12 + index * 12);
    offset += data.length;
  });
  const header = Buffer.alloc(128);
  header.writeUInt32BE(offset);
  header.writeUInt32BE(0x02400000, 8);
  header.write('mntrRGB XYZ ', 12, 'latin1');
  header.write('acsp', 36, 'latin1');
  [0.9642, 1, 0.8249].forEach((value, index) => number(value).copy(header, 68 + index * 4));
  const profile = Buffer.concat([header, table, ...tags.map(([, data]) => data)]);
  return withSegment(file, 0xe2, Buffer.concat([Buffer.from('ICC_PROFILE\0\x01\x01', 'latin1'), profile]));
}

function withSegment({ name, mimeType, buffer }, kind, body) {
  const marker = Buffer.from([0xff, kind, 0, 0]);
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

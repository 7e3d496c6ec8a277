/*
 * The list of one's own images as a file, to take it to another browser:
 * {"version": 1, "images": [{"id", "delete_token"}]}. Loaded when it is wanted.
 * Pure. Takes the memory as an argument.
 */

export const FILE_NAME = 'my-images.json';

const VERSION = 1;
/** About 30,000 images; more than a browser keeps. */
const MAX_BYTES = 4 * 1024 * 1024;
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** HMAC-SHA256 in base64url, as the API makes it. */
const TOKEN = /^[\w-]{43}$/;

/** @param {import('./memory.js').Memory} memory */
export function exportImages(memory) {
  const images = memory.imageIds.sort().map((id) => ({ id, delete_token: memory.tokenOf(id) }));
  return `${JSON.stringify({ version: VERSION, images }, null, 1)}\n`;
}

/**
 * Adds what is not there yet; what is there stays as it is.
 * @param {{size: number, text: () => Promise<string>}} file
 * @param {import('./memory.js').Memory} memory
 * @returns {Promise<{problem: 'large' | 'unreadable' | 'foreign' | 'version' | null, added: number, known: number,
 *   unusable: number, lasting: boolean}>} unusable: entries that are none; lasting: they outlive this page
 */
export async function importImages(file, memory) {
  const result = { problem: null, added: 0, known: 0, unusable: 0, lasting: true };
  const { problem, images } = await readImages(file);
  if (problem) {
    return { ...result, problem };
  }
  for (const image of images) {
    if (!isUsable(image)) {
      result.unusable += 1;
    } else if (memory.tokenOf(image.id) !== null) {
      result.known += 1;
    } else {
      result.lasting = memory.keepToken(image.id, image.delete_token) && result.lasting;
      result.added += 1;
    }
  }
  return result;
}

async function readImages(file) {
  if (file.size > MAX_BYTES) {
    return { problem: 'large' };
  }
  let text;
  try {
    text = await file.text();
  } catch {
    return { problem: 'unreadable' };
  }
  const { version, images } = parse(text);
  if (!Number.isInteger(version) || !Array.isArray(images)) {
    return { problem: 'foreign' };
  }
  return version === VERSION ? { images } : { problem: 'version' };
}

function parse(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}

function isUsable(image) {
  return typeof image?.id === 'string' && ID.test(image.id) && typeof image.delete_token === 'string' && TOKEN.test(image.delete_token);
}

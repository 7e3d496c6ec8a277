/*
 * The images uploaded from this browser, looked up one by one: their ids are
 * known here alone.
 * Imports nothing. Takes the memory and the request as arguments.
 */

/**
 * One page, newest first, in the shape of the API's own list.
 * @param {{limit: number, cursor: string | null}} page
 * @param {object} parts
 * @param {import('./memory.js').Memory} parts.memory knows the ids, and forgets those of deleted images
 * @param {(id: string) => Promise<import('./image.js').Image>} parts.find
 * @returns {Promise<{items: import('./image.js').Image[], next_cursor: string | null}>}
 */
export async function listOwnImages({ limit, cursor }, { memory, find }) {
  // Ids are UUIDs of version 7: they sort by time.
  const ids = memory.imageIds.filter((id) => cursor === null || id < cursor).sort().reverse();
  const wanted = ids.slice(0, limit);
  const found = await Promise.all(wanted.map((id) => findUnlessGone(id, { memory, find })));
  const items = found.filter((image) => image !== null);
  const next = ids.length > limit ? wanted.at(-1) : null;
  // A page on which everything is gone would look like the end of the list.
  return items.length === 0 && next !== null
    ? listOwnImages({ limit, cursor: next }, { memory, find })
    : { items, next_cursor: next };
}

async function findUnlessGone(id, { memory, find }) {
  try {
    return await find(id);
  } catch (failure) {
    if (failure.code === 'image-deleted') {
      memory.forgetToken(id);
      return null;
    }
    // Behind a load balancer another host may not know it yet: it stays remembered.
    if (failure.code === 'image-not-found') {
      return null;
    }
    throw failure;
  }
}

/*
 * Style sheets that the first load leaves out.
 * Imports nothing.
 */

const loaded = new Map();

/**
 * Has these sheets apply. One that cannot be had does not keep the page from working.
 * @param {...string} addresses
 * @returns {Promise<void>}
 */
export async function loadStyles(...addresses) {
  await Promise.all(addresses.map((address) => loaded.get(address) ?? load(address)));
}

function load(address) {
  const link = document.createElement('link');
  link.rel = 'stylesheet';
  link.href = address;
  const settled = new Promise((resolve) => {
    link.addEventListener('load', resolve);
    link.addEventListener('error', () => {
      loaded.delete(address);
      resolve();
    });
  });
  loaded.set(address, settled);
  document.head.append(link);
  return settled;
}

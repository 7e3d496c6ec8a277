/*
 * What follows files from being chosen to their images: loaded when somebody is
 * about to choose some.
 * May import components and lib.
 */

import { prepareCopying } from './copying.js';
import { registerShrinkOffer } from './components/shrink-offer/shrink-offer.js';
import { Uploads } from './components/upload-form/uploads.js';
import { registerUploadList } from './components/upload-list/upload-list.js';
import { registerUploadResult } from './components/upload-result/upload-result.js';
import { registerUploadRow } from './components/upload-row/upload-row.js';
import { registerUploadTotals } from './components/upload-totals/upload-totals.js';
import { loadStyles } from './lib/styles.js';

const SHEETS = ['upload-row', 'upload-result', 'shrink-offer'];

/** Of the uploads: never set back, as the time of day can be. */
const now = () => performance.now();

/**
 * Once.
 * @param {HTMLElement} form the <upload-form>
 * @param {object} parts of Uploads, and `memory`
 * @returns {Promise<Uploads>}
 */
export async function startUploads(form, { memory, ...parts }) {
  await Promise.all([prepareCopying({ memory }), loadStyles(...SHEETS.map((name) => `components/${name}/${name}.css`))]);
  registerShrinkOffer();
  registerUploadResult();
  registerUploadRow({ now });
  registerUploadList();
  registerUploadTotals();
  return new Uploads(form, { now, ...parts });
}

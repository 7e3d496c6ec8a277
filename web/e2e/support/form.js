/*
 * The upload form as a person sees it: by labels, names and roles only.
 */

export function formOf(page) {
  return {
    // Not before the page takes several.
    file: page.getByLabel('Choose images').and(page.locator('[multiple]')),
    camera: page.getByLabel('Take a photo'),
    name: page.getByLabel('Your name'),
    // Of the first file that has one.
    description: page.getByRole('textbox', { name: /^Description/ }).first(),
    uploadKey: page.getByLabel('Upload key'),
    remember: page.getByRole('checkbox', { name: 'Remember on this device' }),
    submit: page.getByRole('button', { name: /^Upload( [\d,]+ images?)?$/ }),
    tryAgain: page.getByRole('button', { name: /^Try again/ }),
    cancel: page.getByRole('button', { name: /^Cancel (?!all$)/ }),
    cancelAll: page.getByRole('button', { name: 'Cancel all' }),
    retryFailed: page.getByRole('button', { name: 'Retry failed' }),
    hideDone: page.getByRole('button', { name: 'Hide finished' }),
    totals: page.getByRole('progressbar', { name: 'All uploads' }),
    uploads: page.getByRole('list', { name: 'Your uploads' }),
  };
}

/** One upload, by the name of its file, until it is done. */
export function rowOf(page, fileName) {
  const row = formOf(page).uploads.locator('upload-row').filter({ has: page.getByText(fileName, { exact: true }) });
  return {
    row,
    state: row.locator('[data-part=state]'),
    progress: row.getByRole('progressbar', { name: fileName, exact: true }),
    alert: row.getByRole('alert').filter({ hasText: /./ }),
    description: row.getByRole('textbox', { name: `Description (optional) ${fileName}` }),
    cancel: row.getByRole('button', { name: `Cancel ${fileName}` }),
    remove: row.getByRole('button', { name: `Remove ${fileName}` }),
    tryAgain: row.getByRole('button', { name: `Try again ${fileName}` }),
  };
}

/** @param {{file: object | object[], name: string, description?: string}} submission description: of the first file */
export async function fill(page, { file, name, description = '' }) {
  const form = formOf(page);
  const before = await form.uploads.locator(':scope > li').count();
  await form.file.setInputFiles(file);
  // What shows them may only now be loaded.
  await form.uploads.locator(':scope > li').nth(before).waitFor();
  await form.name.fill(name);
  if (description !== '') {
    await form.description.fill(description);
  }
}

/** Until it is there, below those that are there already. */
export async function uploadByHand(page, submission) {
  const before = await titlesOf(page).count();
  await fill(page, submission);
  await formOf(page).submit.click();
  await titlesOf(page).nth(before).waitFor();
}

function titlesOf(page) {
  return formOf(page).uploads.getByRole('heading', { name: /” is (saved|stored)$/ });
}

/** What was uploaded last, or the one of this file. */
export function resultOf(page, fileName = '') {
  const card = formOf(page)
    .uploads.locator('upload-result')
    .filter({ has: page.getByRole('heading', { name: `${fileName}” is` }) })
    .last();
  return {
    title: card.getByRole('heading'),
    stages: card.getByRole('listitem'),
    publicAddress: addressIn(card, 'Public S3 address'),
    link: addressIn(card, 'Link'),
    copyLink: card.getByRole('button', { name: /^Copy (?!the delete)/ }),
    picture: card.getByRole('img'),
    card,
  };
}

function addressIn(card, term) {
  return card.locator('dl > div').filter({ has: card.page().getByText(term, { exact: true }) }).getByRole('link');
}

/** The card of an uploader in the gallery. */
export function cardsOf(page, uploader) {
  return page
    .getByRole('region', { name: /^(Recent images|Your images|Images by .*)$/ })
    .getByRole('listitem')
    .filter({ has: page.getByText(uploader, { exact: true }) });
}

/** Has the picture itself arrived, not only its place? */
export async function isLoaded(picture) {
  await picture.scrollIntoViewIfNeeded();
  return picture.evaluate((image) => image.decode().then(() => image.naturalWidth > 0));
}

/** What the status region was told from now on, in order. @returns {Promise<() => Promise<string[]>>} */
export async function listen(page) {
  await page.evaluate(() => {
    const region = document.getElementById('announcements');
    globalThis.heard = [];
    new MutationObserver(() => globalThis.heard.push(region.textContent)).observe(region, { childList: true, characterData: true, subtree: true });
  });
  return () => page.evaluate(() => globalThis.heard.filter((text) => text !== ''));
}

/** Every POST's Idempotency-Key from now on. */
export function collectKeys(page) {
  const keys = [];
  page.on('request', (request) => {
    if (request.method() === 'POST') {
      keys.push(request.headers()['idempotency-key']);
    }
  });
  return keys;
}

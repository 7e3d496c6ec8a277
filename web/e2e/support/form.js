/*
 * The upload form as a person sees it: by labels, names and roles only.
 */

export function formOf(page) {
  return {
    file: page.getByLabel(/^Choose/),
    name: page.getByLabel('Your name'),
    description: page.getByLabel(/^Description/),
    uploadKey: page.getByLabel('Upload key'),
    remember: page.getByRole('checkbox', { name: 'Remember on this device' }),
    submit: page.getByRole('button', { name: 'Upload', exact: true }),
    tryAgain: page.getByRole('button', { name: 'Try again' }),
    cancel: page.getByRole('button', { name: 'Cancel' }),
    progress: page.getByRole('progressbar'),
  };
}

export async function fill(page, { file, name, description = '' }) {
  const form = formOf(page);
  await form.file.setInputFiles(file);
  await form.name.fill(name);
  await form.description.fill(description);
}

export async function uploadByHand(page, submission) {
  await fill(page, submission);
  await formOf(page).submit.click();
  await resultOf(page).title.waitFor();
}

export function resultOf(page) {
  const card = page.getByRole('region', { name: /^Your image is/ });
  return {
    title: card.getByRole('heading', { name: /^Your image is/ }),
    stages: card.getByRole('listitem'),
    publicAddress: addressIn(card, 'Public address'),
    link: addressIn(card, 'Link, on this site'),
    copyLink: card.getByRole('button', { name: 'Copy the link' }),
    picture: card.getByRole('img'),
    card,
  };
}

function addressIn(card, term) {
  return card.locator('dl > div').filter({ hasText: term }).getByRole('link');
}

/** The card of an uploader in the gallery. */
export function cardsOf(page, uploader) {
  return page
    .getByRole('region', { name: /^(Recent|Your) images$/ })
    .getByRole('listitem')
    .filter({ has: page.getByText(uploader, { exact: true }) });
}

/** Has the picture itself arrived, not only its place? */
export async function isLoaded(picture) {
  await picture.scrollIntoViewIfNeeded();
  return picture.evaluate((image) => image.decode().then(() => image.naturalWidth > 0));
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

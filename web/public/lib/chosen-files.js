/*
 * The files that a person chose, however they came: what a drop holds, folders
 * too, what a pasted image is called, and which of them are there already.
 * Imports nothing. Takes the browser's own objects as arguments.
 */

/** Of one folder; whoever drops a whole disk gets the page back. */
const MOST_FILES = 500;

const IMAGE_NAME = /\.(jpe?g|png|gif|webp|hei[cf]|avif|bmp|tiff?)$/i;

/**
 * What was dropped. Files are taken as they are; of a folder and the folders in it only what looks like an image, for
 * nobody chose the rest.
 * @param {DataTransfer} transfer read at once: it is empty as soon as the event is over
 * @returns {Promise<{files: File[], leftOut: number}>} leftOut: how many other files the folders hold
 */
export async function filesOfDrop({ items, files }) {
  const dropped = [...files];
  const entries = [...items].filter(({ kind }) => kind === 'file').map((item) => item.webkitGetAsEntry());
  if (!entries.some((entry) => entry?.isDirectory)) {
    return { files: dropped, leftOut: 0 };
  }
  const found = { files: [], leftOut: 0 };
  for (const [index, entry] of entries.entries()) {
    if (entry?.isDirectory) {
      await collectImages(entry, found);
    } else {
      found.files.push(dropped[index]);
    }
  }
  return found;
}

async function collectImages(folder, found) {
  for (const entry of await entriesOf(folder)) {
    if (entry.isDirectory) {
      await collectImages(entry, found);
    } else if (!entry.name.startsWith('.')) {
      const file = await fileOf(entry);
      if (file !== null && isImage(file) && found.files.length < MOST_FILES) {
        found.files.push(file);
      } else {
        found.leftOut += 1;
      }
    }
  }
}

async function entriesOf(folder) {
  const reader = folder.createReader();
  const all = [];
  // It gives about a hundred at a time, and none at the end.
  for (;;) {
    const some = await new Promise((resolve) => {
      reader.readEntries(resolve, () => resolve([]));
    });
    if (some.length === 0) {
      return all;
    }
    all.push(...some);
  }
}

function fileOf(entry) {
  return new Promise((resolve) => {
    entry.file(resolve, () => resolve(null));
  });
}

/** Not every system knows the type of every image. */
function isImage({ name, type }) {
  return type.startsWith('image/') || IMAGE_NAME.test(name);
}

/**
 * A pasted image that has no name of its own (browsers call every one "image.png") gets one that tells them apart.
 * @param {File} file
 * @param {number} count how many were pasted before
 * @returns {File} the same, where it has a name
 */
export function namePasted(file, count) {
  const [, ending] = /^(?:image)?\.?(\w*)$/i.exec(file.name) ?? [];
  if (ending === undefined) {
    return file;
  }
  const { type, lastModified } = file;
  return new File([file], `pasted-${count + 1}.${ending || type.split('/')[1]}`, { type, lastModified });
}

/**
 * Tells files that are new from those that are there already. A browser gives no better mark of a file than these.
 * @param {File[]} files
 * @param {File[]} known
 * @returns {{fresh: File[], repeated: File[]}}
 */
export function tellRepeated(files, known) {
  const mark = ({ name, size, lastModified, webkitRelativePath = '' }) =>
    [name, size, lastModified, webkitRelativePath].join('/');
  const marks = new Set(known.map(mark));
  const fresh = [];
  const repeated = [];
  for (const file of files) {
    (marks.has(mark(file)) ? repeated : fresh).push(file);
    marks.add(mark(file));
  }
  return { fresh, repeated };
}

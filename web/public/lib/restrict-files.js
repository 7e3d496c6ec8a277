/*
 * What can be said about a file before a byte is sent. The server decides; this
 * only saves the person a wait. The type is the browser's word (it goes by the
 * name): content is looked at by the server alone, and by ./insides.js.
 * Its words are the section "limits" of the catalogue.
 * May import ./format.js, ./kinds.js and ./language.js.
 */

import { formatMediaTypes, formatSizeAgainstLimit } from './format.js';
import { describeKind, kindByName } from './kinds.js';
import { text } from './language.js';

/**
 * @param {{name: string, size: number, type: string}} file
 * @param {import('./restrict.js').Limits | null} limits null while unknown: then the server alone decides
 * @returns {string | null} why not, in the person's words
 */
export function fileObjection(file, limits) {
  const { name } = file;
  if (limits && !isAcceptedType(file, limits)) {
    const kind = kindByName(file);
    if (kind !== null) {
      return describeKind(kind, name);
    }
    return text('limits.type', { name, types: formatMediaTypes(limits.media_types.map((type) => type.media_type)) });
  }
  if (file.size === 0) {
    return text('limits.empty', { name });
  }
  if (limits && file.size > limits.max_upload_bytes) {
    const [size, limit] = formatSizeAgainstLimit(file.size, limits.max_upload_bytes);
    return text('limits.size', { name, size, limit });
  }
  return null;
}

function isAcceptedType(file, limits) {
  const name = file.name.toLowerCase();
  // Either is enough: some systems give an image no type, or an old one such as image/pjpeg.
  return limits.media_types.some(
    ({ media_type: type, extensions }) =>
      file.type === type || extensions.some((extension) => name.endsWith(`.${extension}`)),
  );
}

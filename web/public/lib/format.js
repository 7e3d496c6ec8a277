/*
 * Numbers and times as people read them.
 * Pure. Imports nothing.
 */

// The page is written in English; a date in another language would read oddly in it.
const LANGUAGE = 'en-GB';
// A number and its unit stay on one line.
const NO_BREAK = '\u00a0';
const DATE = new Intl.DateTimeFormat(LANGUAGE, { dateStyle: 'medium', timeStyle: 'short' });
const COUNT = new Intl.NumberFormat(LANGUAGE);
const LIST = new Intl.ListFormat(LANGUAGE, { type: 'disjunction' });

/** 1024 bytes to the KB, as file managers and the server's limit count. */
export function formatBytes(bytes) {
  if (bytes < 1024) {
    return withUnit(bytes, bytes === 1 ? 'byte' : 'bytes');
  }
  // 1023.6 KB must not read "1024 KB".
  const unit = Math.round(bytes / 1024) < 1024 ? ['KB', 1024] : ['MB', 1024 * 1024];
  const value = bytes / unit[1];
  const rounded = value < 10 ? Math.round(value * 10) / 10 : Math.round(value);
  return withUnit(rounded, unit[0]);
}

/** Size and limit in words that differ: "1 MB" is no help next to a limit of "1 MB". */
export function formatSizeAgainstLimit(size, limit) {
  const pair = [formatBytes(size), formatBytes(limit)];
  return pair[0] === pair[1] ? [size, limit].map((bytes) => withUnit(COUNT.format(bytes), 'bytes')) : pair;
}

/** A time of the API; what cannot be read is shown as it came. */
export function formatTime(rfc3339) {
  const time = new Date(rfc3339);
  return Number.isNaN(time.getTime()) ? rfc3339 : DATE.format(time);
}

/** "image/jpeg", "image/png" → "JPEG or PNG". */
export function formatMediaTypes(types) {
  const names = { 'image/jpeg': 'JPEG', 'image/png': 'PNG', 'image/gif': 'GIF', 'image/webp': 'WebP' };
  return LIST.format(types.map((type) => names[type] ?? type));
}

/** "320 × 240", in one piece. */
export function formatDimensions(width, height) {
  return `${width}${NO_BREAK}×${NO_BREAK}${height}`;
}

/** "in 5 seconds", "in 2 minutes"; nothing known is "in a moment". */
export function formatWait(seconds) {
  if (seconds === null || seconds <= 0) {
    return 'in a moment';
  }
  if (seconds < 90) {
    return seconds === 1 ? 'in a second' : `in ${seconds} seconds`;
  }
  return `in ${Math.ceil(seconds / 60)} minutes`;
}

function withUnit(number, unit) {
  return `${number}${NO_BREAK}${unit}`;
}

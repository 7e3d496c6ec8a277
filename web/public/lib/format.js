/*
 * Numbers and times as people read them, in the page's language.
 * May import ./language.js.
 */

import { currentLocale, text } from './language.js';

// A number and its unit stay on one line.
const NO_BREAK = '\u00a0';
const KB = 1024;
const MB = 1024 * KB;

const MAKE = {
  time: (locale) => new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' }),
  either: (locale) => new Intl.ListFormat(locale, { type: 'disjunction' }),
  share: (locale) => new Intl.NumberFormat(locale, { style: 'percent' }),
};
let made = { locale: null };

/** 1024 bytes to the KB, as file managers and the server's limit count. */
export function formatBytes(bytes) {
  if (bytes < KB) {
    return exactly(bytes);
  }
  // 1023.6 KB must not read "1024 KB".
  const [unit, value] = Math.round(bytes / KB) < KB ? ['kb', bytes / KB] : ['mb', bytes / MB];
  return text(`size.${unit}`, { number: value < 10 ? Math.round(value * 10) / 10 : Math.round(value) });
}

/** Size and limit in words that differ: "1 MB" is no help next to a limit of "1 MB". */
export function formatSizeAgainstLimit(size, limit) {
  const pair = [formatBytes(size), formatBytes(limit)];
  return pair[0] === pair[1] ? [size, limit].map(exactly) : pair;
}

/** "1.2 MB/s" */
export function formatSpeed(bytesPerSecond) {
  return text('size.perSecond', { size: formatBytes(Math.round(bytesPerSecond)) });
}

/** 0.42 → "42%": never more than is so. */
export function formatShare(share) {
  return formatter('share').format(Math.floor(share * 100) / 100);
}

/** A time of the API; what cannot be read is shown as it came. */
export function formatTime(rfc3339) {
  const time = new Date(rfc3339);
  return Number.isNaN(time.getTime()) ? rfc3339 : formatter('time').format(time);
}

/** "image/jpeg", "image/png" → "JPEG or PNG". */
export function formatMediaTypes(types) {
  const names = { 'image/jpeg': 'JPEG', 'image/png': 'PNG', 'image/gif': 'GIF', 'image/webp': 'WebP' };
  return formatter('either').format(types.map((type) => names[type] ?? type));
}

/** "320 × 240", in one piece. */
export function formatDimensions(width, height) {
  return `${width}${NO_BREAK}×${NO_BREAK}${height}`;
}

/** "in 5 seconds", "in 2 minutes"; nothing known is "in a moment". */
export function formatWait(seconds) {
  return seconds === null || seconds <= 0 ? text('time.soon') : duration('in', seconds);
}

/** "6 seconds left", "2 minutes left" */
export function formatTimeLeft(seconds) {
  return duration('left', Math.max(1, seconds));
}

function duration(kind, seconds) {
  return seconds < 90
    ? text(`time.${kind}Seconds`, { count: Math.ceil(seconds) })
    : text(`time.${kind}Minutes`, { count: Math.ceil(seconds / 60) });
}

function exactly(bytes) {
  return text('size.bytes', { count: bytes });
}

/** Made once per language: making one costs more than all that it writes. */
function formatter(kind) {
  const locale = currentLocale();
  if (made.locale !== locale) {
    made = { locale };
  }
  return (made[kind] ??= MAKE[kind](locale));
}

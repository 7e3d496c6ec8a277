import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test from 'node:test';

const css = await readFile(new URL('../public/styles/variables.css', import.meta.url), 'utf8');
const both = [...css.matchAll(/--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);/g)];
const light = Object.fromEntries(both.map(([, name, colour]) => [name, colour]));
const dark = Object.fromEntries(both.map(([, name, , colour]) => [name, colour]));

/** WCAG 2: relative luminance. */
function luminance(colour) {
  const [red, green, blue] = [1, 3, 5].map((start) => {
    const channel = parseInt(colour.slice(start, start + 2), 16) / 255;
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one, other) {
  const [bright, dim] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (bright + 0.05) / (dim + 0.05);
}

const TEXT = 4.5;
const SHAPE = 3;

const PAIRS = [
  ['ink', ['paper', 'sheet', 'mat', 'accent-wash'], TEXT],
  ['ink-soft', ['paper', 'sheet', 'mat', 'accent-wash'], TEXT],
  ['accent', ['paper', 'sheet', 'mat', 'accent-wash'], TEXT],
  ['danger', ['paper', 'sheet'], TEXT],
  ['waiting', ['sheet'], TEXT],
  ['on-accent', ['accent', 'accent-strong'], TEXT],
  ['on-danger', ['danger', 'danger-strong'], TEXT],
  ['rule-strong', ['sheet'], SHAPE],
];

for (const [theme, colours] of Object.entries({ light, dark })) {
  for (const [front, grounds, least] of PAIRS) {
    for (const ground of grounds) {
      test(`${theme}: ${front} on ${ground} has a contrast of at least ${least}`, () => {
        const ratio = contrast(colours[front], colours[ground]);
        assert.ok(ratio >= least, `${ratio.toFixed(2)}`);
      });
    }
  }
}

test('the browser’s own surroundings have the colour of the page', async () => {
  const html = await readFile(new URL('../public/index.html', import.meta.url), 'utf8');
  const metas = [...html.matchAll(/<meta name="theme-color" content="([^"]+)" .*data-theme="(\w+)">/g)];
  assert.deepEqual(Object.fromEntries(metas.map(([, colour, theme]) => [theme, colour])), { light: light.paper, dark: dark.paper });
});

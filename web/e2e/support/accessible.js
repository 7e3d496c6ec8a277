/*
 * Whether everybody can use the page in the state that it is in: axe-core's
 * rules, light and dark, and what axe cannot tell. Nothing of the state changes
 * by being judged.
 */

import axe from 'axe-core';

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const VIEWPORT = { width: 1280, height: 800 };
// A small phone; and what is left of 1280 by 800 at a zoom of 200 %.
const NARROW = { '320 pixels': { width: 320, height: 640 }, 'zoom 200 %': { width: 640, height: 400 } };

/** What the pages need that are judged. */
export const JUDGED = { viewport: VIEWPORT, colorScheme: 'light', reducedMotion: 'reduce' };

/**
 * @param {import('playwright-core').Page} page
 * @returns {Promise<string[]>} everything that is wrong in this state
 */
export async function faultsOf(page) {
  const found = [];
  const note = (where, faults) => found.push(...faults.map((fault) => `${where}: ${fault}`));

  note('reduced motion', await page.evaluate(running));
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    note(colorScheme, await violationsOf(page));
  }
  await page.emulateMedia({ colorScheme: 'light', forcedColors: 'active' });
  note('forced colours', await page.evaluate(invisibleButtons));
  await page.emulateMedia({ forcedColors: 'none' });
  note('desktop', await page.evaluate(smallTargets));
  for (const [where, viewport] of Object.entries(NARROW)) {
    await page.setViewportSize(viewport);
    note(where, [...(await page.evaluate(overflowing)), ...(await page.evaluate(smallTargets))]);
  }
  await page.setViewportSize(VIEWPORT);
  return found;
}

/** Where the keyboard is, and whether that can be seen. */
export function focusOf(page) {
  return page.evaluate(() => {
    const element = document.activeElement;
    const { x, y, width, height } = shownOf(element).getBoundingClientRect();
    const middle = document.elementFromPoint(x + width / 2, y + height / 2);
    return {
      element: nameOf(element),
      outlined: [element, ...ancestorsOf(element)].some(hasOutline),
      // Something else may lie over it, or it may be outside of the window.
      uncovered: middle !== null && (shownOf(element).contains(middle) || middle.contains(element)),
    };

    /** What stands for an input that is not shown itself. */
    function shownOf(control) {
      return control.clientHeight <= 1 || getComputedStyle(control).opacity === '0' ? (control.labels?.[0] ?? control) : control;
    }

    function ancestorsOf(control) {
      return [control.parentElement, control.parentElement?.parentElement].filter(Boolean);
    }

    function hasOutline(candidate) {
      const { outlineStyle, outlineWidth, outlineColor } = getComputedStyle(candidate);
      return outlineStyle !== 'none' && parseFloat(outlineWidth) >= 1 && !/(, 0\)|transparent|\/ 0\))$/.test(outlineColor);
    }

    function nameOf({ localName, id, textContent }) {
      return [localName, id && `#${id}`, JSON.stringify(textContent.trim().replace(/\s+/g, ' ').slice(0, 40))].filter(Boolean).join(' ');
    }
  });
}

/** By the debugger's protocol, which the policy of the page does not concern. */
async function violationsOf(page) {
  if (!(await page.evaluate(() => 'axe' in globalThis))) {
    await page.evaluate(axe.source);
  }
  const violations = await page.evaluate(async (values) => {
    const results = await globalThis.axe.run(document, { runOnly: { type: 'tag', values }, resultTypes: ['violations'] });
    return results.violations;
  }, TAGS);
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id} at ${target.join(' ')}: ${failureSummary.replaceAll(/\s+/g, ' ')}`),
  );
}

function running() {
  return document
    .getAnimations()
    .filter(({ playState }) => playState === 'running')
    .map(({ effect, animationName, transitionProperty }) => `${animationName ?? transitionProperty} moves ${effect.target.className}`);
}

/** Without their colours, buttons are told from text by their border alone. */
function invisibleButtons() {
  return [...document.querySelectorAll('button')]
    .filter((button) => button.checkVisibility({ visibilityProperty: true }))
    .filter((button) => {
      const { borderBlockEndStyle, borderBlockEndWidth, textDecorationLine } = getComputedStyle(button);
      const bordered = borderBlockEndStyle !== 'none' && parseFloat(borderBlockEndWidth) > 0;
      return !bordered && textDecorationLine === 'none';
    })
    .map((button) => `nothing shows that “${button.textContent.trim()}” is a button`);
}

/** Smaller than 24 by 24 pixels; links within text may be, where nothing else is near (WCAG 2.5.8). */
function smallTargets() {
  const LEAST = 24;
  const root = document.querySelector('dialog:modal') ?? document;
  const targets = [...root.querySelectorAll('a[href], button, input, select, textarea, summary')]
    .filter((element) => element.checkVisibility({ visibilityProperty: true }))
    .map((element) => ({ element, box: boxOf(element) }));
  return targets
    .filter(({ box }) => box.width < LEAST || box.height < LEAST)
    .filter(({ element, box }) => getComputedStyle(element).display !== 'inline' || isCrowded(element, box))
    .map(({ element, box }) => `${element.outerHTML.slice(0, 100)} has ${box.width} × ${box.height}`);

  /** Of the control or of its label, which can be hit as well. */
  function boxOf(element) {
    const boxes = [element, ...(element.labels ?? [])].map((each) => each.getBoundingClientRect());
    return boxes.sort((a, b) => Math.min(b.width, b.height) - Math.min(a.width, a.height))[0];
  }

  function isCrowded(element, { x, y, width, height }) {
    const centre = { x: x + width / 2, y: y + height / 2 };
    return targets.some(({ element: other, box }) => {
      const away = {
        x: Math.max(box.left - centre.x, 0, centre.x - box.right),
        y: Math.max(box.top - centre.y, 0, centre.y - box.bottom),
      };
      return other !== element && Math.hypot(away.x, away.y) < LEAST / 2;
    });
  }
}

/** What makes the page scroll sideways, or does not fit its own button. */
function overflowing() {
  const { clientWidth, scrollWidth } = document.documentElement;
  const all = [...document.body.querySelectorAll('*')].filter((element) => element.checkVisibility());
  const wide = scrollWidth <= clientWidth ? [] : all.filter((element) => element.getBoundingClientRect().right > clientWidth + 1);
  const cut = all.filter((element) => element.matches('button, .button, select') && element.scrollWidth > element.clientWidth + 1);
  return [
    ...(wide.length > 0 ? [`is ${scrollWidth} wide by ${wide.map(({ localName, className }) => `${localName}.${className}`).join(', ')}`] : []),
    ...cut.map(({ textContent }) => `“${textContent.trim()}” does not fit its control`),
  ];
}

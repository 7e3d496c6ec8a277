/*
 * <page-settings>: the page's language and theme, remembered in this browser.
 * Tells "language-chosen", upon which the page is loaded anew, and "theme-chosen"
 * (detail: "light", "dark", or empty for the system's), which early.js follows.
 * May import lib.
 */

import { part, tell } from '../../lib/page.js';

class PageSettings extends HTMLElement {
  /** Set by registerPageSettings(). @type {import('../../lib/memory.js').Memory} */
  static memory;

  connectedCallback() {
    const { memory } = PageSettings;
    const language = part(this, 'language');
    const theme = part(this, 'theme');

    language.value = document.documentElement.lang;
    language.addEventListener('change', () => {
      memory.language = language.value;
      tell(this, 'language-chosen', language.value);
    });

    theme.value = memory.theme;
    theme.addEventListener('change', () => {
      memory.theme = theme.value;
      tell(this, 'theme-chosen', theme.value);
    });
  }
}

export function registerPageSettings({ memory }) {
  PageSettings.memory = memory;
  customElements.define('page-settings', PageSettings);
}

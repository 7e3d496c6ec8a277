/*
 * <gallery-views>: whose images the gallery shows: everyone's, one's own, or
 * those of an uploader whose name is written here.
 * Tells "view-wanted" (detail: a View, see lib/route.js).
 * May import lib.
 */

import { part, tell } from '../../lib/page.js';
import { tidyText } from '../../lib/restrict.js';

const HOME = { name: 'home' };

class GalleryViews extends HTMLElement {
  #parts;

  connectedCallback() {
    const names = ['home', 'mine', 'filter', 'name', 'clear'];
    this.#parts = Object.fromEntries(names.map((name) => [name, part(this, name)]));
    const { home, mine, filter, name, clear } = this.#parts;
    home.addEventListener('click', () => tell(this, 'view-wanted', HOME));
    mine.addEventListener('click', () => tell(this, 'view-wanted', { name: 'mine' }));
    filter.addEventListener('submit', (event) => {
      event.preventDefault();
      const uploader = tidyText(name.value);
      tell(this, 'view-wanted', uploader === '' ? HOME : { name: 'by', uploader });
    });
    clear.addEventListener('click', () => {
      tell(this, 'view-wanted', HOME);
      name.focus();
    });
  }

  /** @param {import('../../lib/route.js').View} view what is shown */
  set view({ name, uploader = '' }) {
    const { home, mine, filter, clear } = this.#parts;
    home.ariaPressed = String(name !== 'mine');
    mine.ariaPressed = String(name === 'mine');
    filter.hidden = name === 'mine';
    this.#parts.name.value = uploader;
    clear.hidden = name !== 'by';
  }
}

export function registerGalleryViews() {
  customElements.define('gallery-views', GalleryViews);
}

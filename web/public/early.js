/*
 * Gives the page its theme and its language before it is first painted, so that neither changes before anybody's eyes.
 * A classic script, because a module would run too late; so it imports nothing, and names storage keys of lib/memory.js.
 */
'use strict';

{
  const root = document.documentElement;
  const { languages } = document.currentScript.dataset;

  const remembered = (name) => {
    try {
      return localStorage.getItem(`image-handler.${name}`) ?? '';
    } catch {
      return '';
    }
  };

  /** "light" or "dark"; anything else is what the system has. */
  const showTheme = (theme) => {
    const chosen = theme === 'light' || theme === 'dark';
    root.dataset.theme = chosen ? theme : 'system';
    document.querySelector('meta[name="color-scheme"]').content = chosen ? theme : 'light dark';
    for (const meta of document.querySelectorAll('meta[name="theme-color"]')) {
      const own = meta.dataset.theme;
      meta.media = chosen ? (own === theme ? 'all' : 'not all') : `(prefers-color-scheme: ${own})`;
    }
  };

  const language = [remembered('language'), ...navigator.languages]
    .map((tag) => tag.toLowerCase().split('-')[0])
    .find((tag) => languages.split(' ').includes(tag));

  showTheme(remembered('theme'));
  // The person chooses another: see <page-settings>.
  document.addEventListener('theme-chosen', ({ detail }) => showTheme(detail));

  // What the page is written in needs no waiting for.
  root.toggleAttribute('data-awaits-texts', language !== undefined && language !== root.lang);
  root.lang = language ?? root.lang;
  const texts = document.createElement('link');
  Object.assign(texts, { rel: 'preload', as: 'fetch', crossOrigin: 'anonymous', href: `locales/${root.lang}.json` });
  document.head.append(texts);
}

import js from '@eslint/js';
import globals from 'globals';

const noMarkupFromStrings = [
  {
    selector: "MemberExpression[property.name=/^(innerHTML|outerHTML|insertAdjacentHTML|setHTMLUnsafe)$/], MemberExpression[object.name='document'][property.name=/^write/]",
    message: 'Text goes in as text: textContent, append(), a <template>.',
  },
  {
    selector: "CallExpression[callee.property.name='setAttribute'][arguments.0.value=/^(on|style)/]",
    message: 'The content security policy forbids inline handlers and styles.',
  },
];

export default [
  js.configs.recommended,
  {
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    languageOptions: { ecmaVersion: 2024, sourceType: 'module' },
    rules: {
      'array-callback-return': 'error',
      'consistent-return': 'error',
      curly: 'error',
      'default-case-last': 'error',
      eqeqeq: 'error',
      'max-depth': ['error', 3],
      'max-lines': ['error', 300],
      'no-alert': 'error',
      'no-else-return': 'error',
      'no-eval': 'error',
      'no-implicit-coercion': 'error',
      'no-implied-eval': 'error',
      'no-loop-func': 'error',
      'no-new-func': 'error',
      'no-param-reassign': 'error',
      'no-promise-executor-return': 'error',
      'no-shadow': 'error',
      'no-throw-literal': 'error',
      'no-unused-expressions': 'error',
      'no-use-before-define': ['error', { functions: false }],
      'no-var': 'error',
      'object-shorthand': 'error',
      'prefer-const': 'error',
      'prefer-promise-reject-errors': 'error',
      'prefer-template': 'error',
      'require-await': 'error',
      complexity: ['error', 10],
    },
  },
  {
    files: ['public/**/*.js'],
    languageOptions: { globals: globals.browser },
    rules: {
      'no-console': ['error', { allow: ['error'] }],
      'no-restricted-syntax': ['error', ...noMarkupFromStrings],
      // Nothing is built: an import must be a path that the browser can load.
      'no-restricted-imports': ['error', { patterns: [{ regex: '^[^.]', message: 'No packages in the browser.' }] }],
    },
  },
  {
    files: ['public/early.js'],
    languageOptions: { sourceType: 'script' },
  },
  {
    files: ['public/lib/**/*.js'],
    rules: {
      'no-restricted-imports': ['error', { patterns: [{ regex: '^(?!\\./)', message: 'lib imports lib only.' }] }],
    },
  },
  {
    files: ['public/components/**/*.js'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ regex: '^(?!\\.\\./\\.\\./lib/)', message: 'Components import lib only; main.js connects them.' }] },
      ],
    },
  },
  {
    files: ['tests/**/*.js', 'e2e/**/*.js', 'eslint.config.js', 'lighthouse.js'],
    languageOptions: { globals: globals.node },
  },
  {
    // Functions given to page.evaluate() run in the browser.
    files: ['e2e/**/*.js'],
    languageOptions: { globals: { ...globals.node, ...globals.browser } },
  },
];

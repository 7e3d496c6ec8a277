import assert from 'node:assert/strict';
import test from 'node:test';

import { FORMATS, knownFormat, snippetOf } from '../public/lib/snippets.js';

const IMAGE = {
  link: 'https://images.example/i/01a.png',
  url: 'https://bucket.s3.example/01a.png',
  alt: 'A cat',
  width: 320,
  height: 240,
  delete_token: 'secret',
  delete_url: 'https://images.example/#/delete/01a/secret',
};
const withAlt = (alt) => ({ ...IMAGE, alt });

for (const [format, text] of [
  ['link', 'https://images.example/i/01a.png'],
  ['markdown', '![A cat](https://images.example/i/01a.png)'],
  ['html', '<img src="https://images.example/i/01a.png" alt="A cat" width="320" height="240">'],
  ['bbcode', '[img]https://images.example/i/01a.png[/img]'],
  ['bbcode-alt', '[img alt="A cat"]https://images.example/i/01a.png[/img]'],
  ['url', 'https://bucket.s3.example/01a.png'],
]) {
  test(`as ${format}`, () => assert.equal(snippetOf(IMAGE, format), text));
}

test('without a description there is none in the markup', () => {
  assert.equal(snippetOf(withAlt(null), 'markdown'), '![](https://images.example/i/01a.png)');
  assert.match(snippetOf(withAlt(null), 'html'), / alt="" /);
  assert.equal(snippetOf(withAlt(null), 'bbcode-alt'), snippetOf(IMAGE, 'bbcode'));
});

for (const [format, alt, written] of [
  ['markdown', 'x](http://evil.example) ![y', '![x\\](http://evil.example) !\\[y]('],
  ['markdown', 'ends with \\', '![ends with \\\\]('],
  ['markdown', 'a `code` <b> *c* _d_ &amp; | e', '![a \\`code\\` \\<b> \\*c\\* \\_d\\_ \\&amp; \\| e]('],
  ['markdown', 'one\n\n two\r\nthree\u2028four', '![one two three four]('],
  ['html', '"><script>alert(1)</script>', 'alt="&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"'],
  ['html', 'fish & chips &quot;', 'alt="fish &amp; chips &amp;quot;"'],
  ['html', 'one\ntwo', 'alt="one two"'],
  ['bbcode-alt', '"][/img][url=http://evil.example]', '[img alt="”)(/img)(url=http://evil.example)"]'],
  ['bbcode-alt', 'one\ntwo', '[img alt="one two"]'],
]) {
  test(`${format} keeps ${JSON.stringify(alt)} inside the description`, () => {
    assert.ok(snippetOf(withAlt(alt), format).includes(written), snippetOf(withAlt(alt), format));
  });
}

test('an address ends neither its brackets nor its tag', () => {
  const image = { ...IMAGE, link: 'https://images.example/i/a)b[/img]"c\'<d e.png?v=1&w=2' };
  const safe = 'https://images.example/i/a%29b%5B/img%5D%22c%27%3Cd%20e.png?v=1';
  assert.equal(snippetOf(image, 'markdown'), `![A cat](${safe}&w=2)`);
  assert.equal(snippetOf(image, 'bbcode'), `[img]${safe}&w=2[/img]`);
  assert.ok(snippetOf(image, 'html').startsWith(`<img src="${safe}&amp;w=2" alt=`));
});

test('the host keeps its brackets: they are part of an IPv6 address', () => {
  assert.equal(snippetOf({ ...IMAGE, link: 'http://[::1]:8080/i/a.png' }, 'bbcode'), '[img]http://[::1]:8080/i/a.png[/img]');
});

test('no format holds what deletes the image', () => {
  assert.deepEqual(FORMATS.filter((format) => /secret|delete/.test(snippetOf(IMAGE, format))), []);
});

test('a remembered format that is none is the first', () => {
  for (const format of ['', 'delete', 'constructor', null]) {
    assert.equal(knownFormat(format), 'link');
  }
  assert.equal(knownFormat('html'), 'html');
});

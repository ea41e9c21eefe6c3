import { hasNarrativeContent, isPlainNarrative } from './narrative.js';

const xhtml = 'xmlns="http://www.w3.org/1999/xhtml"';

describe('a narrative', () => {
  it.each([
    '<div>a</div>',
    `<div ${xhtml}>a</div>`,
    `<div ${xhtml} lang="en"><p class="x">1 &lt; 2 &amp; &#160;3</p><br/><hr /></div>`,
    '<div><table><tr><td colspan="2" style="color: red">x</td></tr></table></div>',
    '<div><a href="https://a.example/?b=c">x</a><img src="#i" alt="y"/></div>',
    '<div><span title="a &quot;b&quot; &amp; c &#10;">x</span><table border="1"></table></div>',
    '<div></div>',
  ])('is plain: %s', (div) => {
    expect(isPlainNarrative(div)).toBe(true);
  });

  it.each([
    '',
    'text',
    '<p>a</p>',
    '<div>a',
    '<div>a</p>',
    '<div>a</div>b',
    '<div>a</div><div>b</div>',
    ' <div>a</div>',
    '<div><script>x</script></div>',
    '<div><a onclick="x">a</a></div>',
    '<div><p href="x">a</p></div>',
    '<div title="a" title="b">a</div>',
    '<div xmlns="urn:other">a</div>',
    "<div title='a'>a</div>",
    '<div>a &nbsp; b</div>',
    '<div>a & b</div>',
    '<div>a &#0; b</div>',
    '<div>a &#000; b</div>',
    '<div>a &#55555; b</div>',
    '<div title="a &nbsp; b">a</div>',
    '<div title="a & b">a</div>',
    '<div>a < b</div>',
    '<div><!-- a --></div>',
    '<DIV>a</DIV>',
    '<div>\u0000</div>',
  ])('is not surely plain: %s', (div) => {
    expect(isPlainNarrative(div)).toBe(false);
  });

  it.each<[string, boolean]>([
    ['<div>a</div>', true],
    ['<div><p> <b>a</b></p></div>', true],
    ['<div><img src="x"/></div>', true],
    ['<div>&#160;</div>', true],
    ['<div></div>', false],
    ['<div> <p>\n </p> </div>', false],
  ])('%s has content: %s', (div, expected) => {
    expect(hasNarrativeContent(div)).toBe(expected);
  });

  it('is looked at in time that grows with its length only', () => {
    const long = 200_000;
    for (const part of ['<p>', ' ', '<', '>', '"', '&', ' a="b"', ' a="&lt;"', '&lt;', '<b title="x" ']) {
      isPlainNarrative(`<div>${part.repeat(long)}</div>`);
      isPlainNarrative(`<div${part.repeat(long)}`);
      hasNarrativeContent(`<div>${part.repeat(long)}</div>`);
    }
  }, 30_000);
});

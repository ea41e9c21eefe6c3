import { hiddenFields, html, problemText } from './html.js';

test('values are text of a page, never markup', () => {
  expect(html`<p title="${`"><script>alert('1')&`}">${'<b>'}</p>`.text).toBe(
    '<p title="&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&amp;">&lt;b&gt;</p>',
  );
});

test('pieces of pages are put in as they are', () => {
  const fields = hiddenFields(
    new Map([
      ['state', '"x"'],
      ['scope', 'openid'],
    ]),
  );
  expect(html`<form>${fields}${problemText(undefined)}${problemText('<no>')}</form>`.text).toBe(
    '<form><input type="hidden" name="state" value="&quot;x&quot;" /><input type="hidden" name="scope" value="openid" />' +
      '<p class="problem" role="alert">&lt;no&gt;</p></form>',
  );
});

import { contentHeaders, wantedRange } from './content-headers.js';

describe('the headers of a content', () => {
  test('a type that cannot stand in a header is sent as octets, for saving', () => {
    expect(contentHeaders('image/png\r\nset-cookie: a=b', undefined)).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-disposition': 'attachment',
    });
    expect(contentHeaders('nonsense', undefined)['content-type']).toBe('application/octet-stream');
  });

  test.each(['IMAGE/SVG+XML', 'image/svg', 'text/html;charset=utf-8', 'application/pdfx', 'text/plainer', 'image/'])(
    '%s is never shown in place',
    (type) => {
      expect(contentHeaders(type, undefined)['content-disposition']).toBe('attachment');
    },
  );

  test('a name cannot break out of its header', () => {
    expect(contentHeaders('image/png', 'a"; filename=b\r\n.png')['content-disposition']).toBe(
      `inline; filename="a_; filename=b__.png"; filename*=UTF-8''a%22%3B%20filename%3Db%0D%0A.png`,
    );
    expect(contentHeaders('image/png', '\ud800')['content-disposition']).toContain("UTF-8''%EF%BF%BD");
  });
});

test.each<[string | undefined, ReturnType<typeof wantedRange>]>([
  [undefined, undefined],
  ['bytes=0-0', { start: 0, end: 0 }],
  ['bytes=5-', { start: 5, end: 99 }],
  ['bytes=90-500', { start: 90, end: 99 }],
  ['bytes=-10', { start: 90, end: 99 }],
  ['bytes=-500', { start: 0, end: 99 }],
  ['bytes=100-', 'unsatisfiable'],
  ['bytes=-0', 'unsatisfiable'],
  ['bytes=9-5', undefined],
  ['bytes=-', undefined],
  ['bytes=0-1,5-6', undefined],
  ['lines=0-1', undefined],
  ['nonsense', undefined],
])('of 100 bytes, %j asks for %j', (header, expected) => {
  expect(wantedRange(header, 100)).toEqual(expected);
});

test('of nothing, no part can be had', () => {
  expect(wantedRange('bytes=0-', 0)).toBe('unsatisfiable');
  expect(wantedRange('bytes=-1', 0)).toBe('unsatisfiable');
});

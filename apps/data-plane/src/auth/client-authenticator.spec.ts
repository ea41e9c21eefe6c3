import { parseBasic } from './client-authenticator.js';

const encode = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;

test.each([
  [encode('id:secret'), { clientId: 'id', clientSecret: 'secret' }],
  [encode('id:a:b'), { clientId: 'id', clientSecret: 'a:b' }],
  [encode('id:').replace('Basic', 'basic'), { clientId: 'id', clientSecret: '' }],
  [encode('idsecret'), undefined],
  ['Basic !!!', undefined],
  ['Bearer abc', undefined],
  ['Basic', undefined],
  [undefined, undefined],
])('%s', (header, expected) => {
  expect(parseBasic(header)).toEqual(expected);
});

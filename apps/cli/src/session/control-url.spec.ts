import { controlUrl, isReadableOnTheWay } from './control-url.js';

test.each([
  ['https://control.example.org', 'https://control.example.org'],
  ['HTTPS://Control.Example.org/', 'https://control.example.org'],
  ['http://localhost:4000/control/v1/', 'http://localhost:4000'],
  ['https://example.org/boxyard/control/v1', 'https://example.org/boxyard'],
])('the control plane at %s is named %s', (text, expected) => {
  expect(controlUrl(text)).toBe(expected);
});

test.each(['', 'localhost:4000', 'ftp://example.org', 'http://ana:secret@example.org', 'http://example.org/?a=b'])(
  '%j is no address of a control plane, and the refusal does not repeat it',
  (text) => {
    expect(() => controlUrl(text)).toThrow(/The URL of a control plane must/);
    if (text !== '') expect(() => controlUrl(text)).not.toThrow(text);
  },
);

test.each([
  ['http://localhost:4000', false],
  ['http://control.localhost', false],
  ['http://127.0.0.1:4000', false],
  ['http://[::1]:4000', false],
  ['https://example.org', false],
  ['http://example.org', true],
  ['http://127.0.0.1.example.org', true],
])('what is sent to %s can be read on the way: %s', (url, expected) => {
  expect(isReadableOnTheWay(url)).toBe(expected);
});

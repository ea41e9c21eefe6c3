import { prettyJson } from './pretty-json.js';

test.each<[string, string]>([
  ['{"a":1.00,"b":[1e3,{"c":"x, \\"y\\": {}"}],"d":{},"e":[]}', '1.00 and 1e3 as they are, marks in strings'],
  ['[]', 'an empty array'],
  ['{"a":{"b":{"c":[[1,2],[3]]}},"t":true,"n":null}', 'nesting'],
])('%s is laid out as JSON.stringify would (%s)', (json) => {
  const pretty = prettyJson(json);
  expect(pretty.replaceAll('1.00', '1').replaceAll('1e3', '1000')).toBe(JSON.stringify(JSON.parse(json), null, 2));
  expect(prettyJson(pretty)).toBe(pretty);
});

test('numbers keep their text', () => {
  expect(prettyJson('{"value":1.00}')).toBe('{\n  "value": 1.00\n}');
});

import { historyBundle } from './history-bundle.js';
import { historyRequest } from './history-request.js';
import type { HistoryVersion } from './history.sql.js';

const presentation = { baseUrl: 'https://quay.example.org/fhir/R4/', extended: false };
const version = (versionId: string, deleted = false): HistoryVersion => ({
  type: 'Patient',
  id: 'p',
  rowId: '1',
  versionId,
  lastUpdated: '2026-11-21T04:10:12.345Z',
  deleted,
  body: deleted
    ? ''
    : `{"resourceType":"Patient","id":"p","meta":{"versionId":"${versionId}","lastUpdated":"2026-11-21T04:10:12.345Z"}}`,
  extendedMeta: '"project":"x"',
});
const instance = historyRequest({ type: 'Patient', id: 'p' }, '_count=3&_offset=2');
const bundleOf = (result: Parameters<typeof historyBundle>[1], request = instance, shown = presentation) =>
  JSON.parse(historyBundle(request, result, shown)) as {
    total?: number;
    link: { relation: string; url: string }[];
    entry: {
      fullUrl: string;
      request: object;
      response: { status: string; etag: string; outcome?: { id: string } };
      resource?: { meta: object };
    }[];
  };

describe('a history', () => {
  test('tells what is known of how each version came about', () => {
    const { entry } = bundleOf({ total: 3, versions: [version('9'), version('5', true), version('1')] });
    expect(
      entry.map(({ request, response, resource }) => [request, response.status, response.etag, resource !== undefined]),
    ).toEqual([
      [{ method: 'PUT', url: 'Patient/p' }, '200', 'W/"9"', true],
      [{ method: 'DELETE', url: 'Patient/p' }, '410', 'W/"5"', false],
      [{ method: 'POST', url: 'Patient' }, '201', 'W/"1"', true],
    ]);
    expect(entry[1]?.response.outcome?.id).toBe('gone');
    expect(entry[1]?.fullUrl).toBe('https://quay.example.org/fhir/R4/Patient/p');
  });

  test('links to the next page when there is one, without the offset', () => {
    expect(bundleOf({ total: 4, versions: [version('9')], next: 'c+/' }).link).toEqual([
      { relation: 'self', url: 'https://quay.example.org/fhir/R4/Patient/p/_history?_count=3&_offset=2' },
      { relation: 'next', url: 'https://quay.example.org/fhir/R4/Patient/p/_history?_count=3&_cursor=c%2B%2F' },
    ]);
  });

  test.each([
    [{}, '_history'],
    [{ type: 'Patient' }, 'Patient/_history'],
  ])('of %j stands at %s and tells no total', (scope, path) => {
    const bundle = bundleOf({ versions: [] }, historyRequest(scope, ''));
    expect(bundle.link).toEqual([{ relation: 'self', url: `https://quay.example.org/fhir/R4/${path}` }]);
    expect(bundle).not.toHaveProperty('total');
    expect(bundle).not.toHaveProperty('entry');
  });

  test('shows the extended meta when asked', () => {
    const result = { versions: [version('1')] };
    expect(bundleOf(result).entry[0]?.resource?.meta).not.toHaveProperty('project');
    expect(bundleOf(result, instance, { ...presentation, extended: true }).entry[0]?.resource?.meta).toMatchObject({
      project: 'x',
    });
  });
});

import { describe, expect, test } from '@jest/globals';
import type { SearchRequest } from '#fhir-search';
import type { StoredVersion } from '../stored-version.js';
import { historyBundle, searchsetBundle } from './result-bundles.js';

const presentation = { baseUrl: 'https://quay.example.org/fhir/R4/', extended: false };
const version = (versionId: string, deleted = false): StoredVersion => ({
  type: 'Patient',
  id: 'p',
  versionId,
  lastUpdated: '2026-11-21T04:10:12.345Z',
  deleted,
  body: deleted
    ? ''
    : `{"resourceType":"Patient","id":"p","meta":{"versionId":"${versionId}","lastUpdated":"2026-11-21T04:10:12.345Z"},"multipleBirthInteger":1}`,
  extendedMeta: '"project":"x"',
});

describe('a searchset', () => {
  const request = {
    type: 'Patient',
    applied: [
      ['name', 'a&b é'],
      ['_count', '1'],
      ['_offset', '5'],
    ],
  } as unknown as SearchRequest;

  test('links to itself and to the next page, which does not repeat the offset', () => {
    const set = JSON.parse(
      searchsetBundle(request, { hits: [version('1')], total: 7, next: 'c+/=' }, presentation),
    ) as object;
    expect(set).toEqual({
      resourceType: 'Bundle',
      type: 'searchset',
      total: 7,
      link: [
        { relation: 'self', url: 'https://quay.example.org/fhir/R4/Patient?name=a%26b+%C3%A9&_count=1&_offset=5' },
        {
          relation: 'next',
          url: 'https://quay.example.org/fhir/R4/Patient?name=a%26b+%C3%A9&_count=1&_cursor=c%2B%2F%3D',
        },
      ],
      entry: [
        {
          fullUrl: 'https://quay.example.org/fhir/R4/Patient/p',
          resource: JSON.parse(version('1').body) as object,
          search: { mode: 'match' },
        },
      ],
    });
  });

  test('without hits has no entry', () => {
    const set = JSON.parse(searchsetBundle({ ...request, applied: [] }, { hits: [] }, presentation)) as object;
    expect(set).toEqual({
      resourceType: 'Bundle',
      type: 'searchset',
      link: [{ relation: 'self', url: 'https://quay.example.org/fhir/R4/Patient' }],
    });
  });
});

describe('a history', () => {
  const page = { count: 3, offset: 0 };
  const bundleOf = (total: number, versions: StoredVersion[], shown = presentation) =>
    JSON.parse(historyBundle({ type: 'Patient', id: 'p' }, page, { total, versions }, shown)) as {
      link: { relation: string; url: string }[];
      entry: {
        request: object;
        response: { status: string; etag: string; outcome?: { id: string } };
        resource?: { meta: object };
      }[];
    };

  test('tells how each version came about', () => {
    const { entry } = bundleOf(3, [version('9'), version('5', true), version('1')]);
    expect(
      entry.map(({ request, response, resource }) => [request, response.status, response.etag, resource !== undefined]),
    ).toEqual([
      [{ method: 'PUT', url: 'Patient/p' }, '200', 'W/"9"', true],
      [{ method: 'DELETE', url: 'Patient/p' }, '410', 'W/"5"', false],
      [{ method: 'POST', url: 'Patient' }, '201', 'W/"1"', true],
    ]);
    expect(entry[1]?.response.outcome?.id).toBe('gone');
  });

  test('links to older versions as long as there are some', () => {
    expect(bundleOf(4, [version('9'), version('8'), version('7')]).link).toContainEqual({
      relation: 'next',
      url: 'https://quay.example.org/fhir/R4/Patient/p/_history?_count=3&_offset=3',
    });
    expect(bundleOf(3, [version('9'), version('8'), version('7')]).link.map(({ relation }) => relation)).toEqual([
      'self',
    ]);
  });

  test('shows the extended meta when asked', () => {
    expect(bundleOf(1, [version('1')]).entry[0]?.resource?.meta).not.toHaveProperty('project');
    expect(bundleOf(1, [version('1')], { ...presentation, extended: true }).entry[0]?.resource?.meta).toMatchObject({
      project: 'x',
    });
  });
});

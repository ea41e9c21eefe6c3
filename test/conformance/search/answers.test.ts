import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { dateCases } from './date.cases.js';
import { orderCases } from './order.cases.js';
import { referenceCases } from './reference.cases.js';
import { resources } from './resources.js';
import type { SearchCase } from './search-case.js';
import { SearchableDatabase } from './searchable-database.js';
import { stringCases } from './string.cases.js';
import { tokenCases } from './token.cases.js';
import { uriCases } from './uri.cases.js';

let database: SearchableDatabase;

beforeAll(async () => {
  database = await SearchableDatabase.create();
  await database.put(...resources);
  // A deleted resource that every search would otherwise find.
  await database.put({ ...resources[0], id: 'deleted' });
  await database.delete('Patient', 'deleted');
});
afterAll(() => database.close());

describe.each<[string, SearchCase[]]>([
  ['token', tokenCases],
  ['string', stringCases],
  ['date', dateCases],
  ['reference', referenceCases],
  ['uri', uriCases],
  ['order and window', orderCases],
])('searching by %s', (_, cases) => {
  it.each(cases)('$search finds $finds', async ({ search, finds }) => {
    const [type = '', query = ''] = split(search);
    const { ids } = await database.search(type, query);
    expect(ids).toEqual(finds.map((id) => `${type}/${id}`));
  });

  it.each(cases.filter(({ search }) => !search.includes('_offset') && !search.includes('_count')))(
    '$search counts its answers',
    async ({ search, finds }) => {
      const [type = '', query = ''] = split(search);
      expect(await database.search(type, `${query}&_summary=count`)).toEqual({ ids: [], total: finds.length });
    },
  );
});

describe('an answer', () => {
  it('brings the epoch with it, also when nothing was found', async () => {
    expect(await database.rows('Patient', '_id=nobody')).toMatchObject([{ epoch: '1', id: null }]);
    expect(await database.rows('Patient', '_id=ana')).toMatchObject([
      { epoch: '1', fhir_id: 'ana', type: 'Patient', version: '1', last_updated: '2026-01-01T00:00:01.000Z' },
    ]);
  });

  it('has one row more than the page when there is a next page', async () => {
    expect(await database.rows('Patient', '_count=3')).toHaveLength(4);
    expect(await database.rows('Patient', '_count=4')).toHaveLength(4);
  });
});

function split(search: string): string[] {
  const at = search.indexOf('?');
  return [search.slice(0, at), search.slice(at + 1)];
}

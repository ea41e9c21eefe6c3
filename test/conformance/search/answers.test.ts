/** Every suite of search cases, on a database of each FHIR version. */
import { OutcomeError, supportedFhirVersions } from '#fhir';
import { resourcesOf } from './resources.js';
import type { SearchCase } from './search-case.js';
import { SearchableDatabase } from './searchable-database.js';
import { suites } from './suites.js';

const applies = ({ versions }: { versions?: readonly string[] }, label: string) => versions?.includes(label) ?? true;

describe.each(supportedFhirVersions())('in FHIR $label', ({ label }) => {
  const shared = suites.filter(({ resources, ...suite }) => resources === undefined && applies(suite, label));
  describe('over the common resources', () => {
    let database: SearchableDatabase;
    beforeAll(async () => {
      database = await SearchableDatabase.create(label);
      const resources = resourcesOf(label);
      await database.put(...resources);
      // A deleted resource that every search would otherwise find.
      await database.put({ ...resources[0], id: 'deleted' });
      await database.delete('Patient', 'deleted');
    });
    afterAll(() => database?.close());

    describe.each(shared)('searching by $title ($spec)', ({ cases }) => check(() => database, cases, label));

    it('an answer has one resource more to come when there is a next page', async () => {
      expect((await database.search('Patient?_count=3')).next).toBeDefined();
      expect((await database.search('Patient?_count=4')).next).toBeUndefined();
    });
  });

  const apart = suites.filter((suite) => suite.resources !== undefined && applies(suite, label));
  if (apart.length === 0) return;
  describe.each(apart)('searching by $title ($spec)', ({ cases, resources }) => {
    let database: SearchableDatabase;
    beforeAll(async () => {
      database = await SearchableDatabase.create(label);
      await database.put(...(resources?.(label) ?? []));
    });
    afterAll(() => database?.close());
    check(() => database, cases, label);
  });
});

function check(database: () => SearchableDatabase, all: readonly SearchCase[], label: string): void {
  const cases = all.filter((one) => applies(one, label));
  const answered = cases.filter(({ refused }) => refused === undefined);
  if (answered.length > 0) {
    it.each(answered)('$search finds $finds', async ({ search, finds = [], includes = [] }) => {
      const page = await database().search(search);
      const type = parts(search).path.split('/').at(-1) ?? '';
      expect(page.ids).toEqual(finds.map((id) => (id.includes('/') ? id : `${type}/${id}`)));
      expect([...page.included].sort()).toEqual([...includes].sort());
    });
  }

  // The total is of all pages, so it can be told from `finds` only where that is all.
  const counted = answered.filter(({ search }) => !/[?&]_(offset|count|total|summary|cursor)=/.test(search));
  if (counted.length > 0) {
    it.each(counted)('$search counts its answers, and is judged alike in memory', async ({ search, finds = [] }) => {
      expect(database().judge(search)).toHaveLength(finds.length);
      const { path, query } = parts(search);
      const page = await database().search(`${path}?${query}&_summary=count`);
      expect([page.ids, page.total]).toEqual([[], finds.length]);
    });
  }

  const refusals = cases.filter(({ refused }) => refused !== undefined);
  if (refusals.length > 0) {
    it.each(refusals)('$search is refused: $refused', async ({ search, refused, expression }) => {
      const error = await database()
        .search(search)
        .then(
          (page) => page,
          (reason: unknown) => reason,
        );
      expect(error).toBeInstanceOf(OutcomeError);
      const { category, issues } = error as OutcomeError;
      expect(['invalid', 'too-costly', 'not-supported']).toContain(category);
      expect(issues[0]?.code).toBe(refused);
      if (expression !== undefined) expect(issues[0]?.expression).toEqual([expression]);
    });
  }
}

function parts(search: string): { path: string; query: string } {
  const at = search.indexOf('?');
  return { path: search.slice(0, at), query: search.slice(at + 1) };
}

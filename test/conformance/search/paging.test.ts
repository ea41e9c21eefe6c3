import type { JsonObject } from '#fhir';
import { SearchableDatabase } from './searchable-database.js';

/** Enough resources for several pages, with equal and with missing values for every key. */
const patients: JsonObject[] = Array.from({ length: 47 }, (_, index) => ({
  resourceType: 'Patient',
  id: `p${String((index * 29) % 47).padStart(2, '0')}`,
  active: index % 2 === 0,
  ...(index % 3 === 0 ? {} : { managingOrganization: { reference: 'Organization/quay' } }),
  ...(index % 5 === 0
    ? {}
    : { name: [{ family: `Family${index % 7}`, given: [`Given${index % 3}`, 'Zoe'] }, ...aliases(index)] }),
  ...(index % 3 === 1
    ? {}
    : { identifier: [{ value: `m${index % 4}` }, { value: index % 2 === 0 ? 'a' : `z${index % 5}` }] }),
  ...(index % 4 === 0 ? {} : { birthDate: `19${70 + (index % 6)}` }),
}));

/** For every fourth a second name, which comes first in one of the directions. */
function aliases(index: number): JsonObject[] {
  return index % 4 === 0 ? [{ family: index % 8 === 0 ? `Alias${index % 3}` : `Zed${index % 3}` }] : [];
}

const observations: JsonObject[] = Array.from({ length: 31 }, (_, index) => ({
  resourceType: 'Observation',
  id: `o${index}`,
  status: 'final',
  code: { text: 'x' },
  subject: { reference: `Patient/${index % 3 === 0 ? 'other' : 'one'}` },
  ...(index % 6 === 0 ? {} : { effectiveDateTime: `2024-0${1 + (index % 4)}-01` }),
  ...(index % 5 === 0 ? {} : { valueQuantity: { value: (index % 7) / 10 - 0.2, unit: index % 2 === 0 ? 'kg' : 'g' } }),
}));

let database: SearchableDatabase;

beforeAll(async () => {
  database = await SearchableDatabase.create();
  await database.put({ resourceType: 'Organization', id: 'quay', name: 'Quay' }, ...patients, ...observations);
});
afterAll(() => database.close());

const searches = [
  { type: 'Patient', query: '' },
  { type: 'Patient', query: '_sort=_id' },
  { type: 'Patient', query: '_sort=-_id' },
  { type: 'Patient', query: '_sort=_lastUpdated' },
  { type: 'Patient', query: '_sort=-_lastUpdated' },
  { type: 'Patient', query: '_sort=family' },
  { type: 'Patient', query: '_sort=-family' },
  { type: 'Patient', query: '_sort=-given,family' },
  { type: 'Patient', query: '_sort=identifier' },
  { type: 'Patient', query: '_sort=-identifier' },
  { type: 'Patient', query: '_sort=-identifier,-family,_id' },
  { type: 'Patient', query: '_sort=birthdate' },
  { type: 'Patient', query: '_sort=-birthdate' },
  { type: 'Patient', query: '_sort=-birthdate&active=true' },
  { type: 'Patient', query: '_sort=family,-birthdate' },
  { type: 'Patient', query: '_sort=-birthdate,family,-_lastUpdated' },
  { type: 'Patient', query: '_sort=-family,_id' },
  { type: 'Patient', query: '_sort=_lastUpdated,family' },
  { type: 'Patient', query: '_sort=-_lastUpdated,-_id' },
  { type: 'Patient', query: 'birthdate:missing=true&_sort=-birthdate' },
  { type: 'Observation', query: 'subject=Patient/one&_sort=date' },
  { type: 'Observation', query: 'subject=Patient/one&_sort=-date' },
  { type: 'Observation', query: 'subject=Patient/one,Patient/other&_sort=-date' },
  { type: 'Observation', query: '_sort=value-quantity' },
  { type: 'Observation', query: '_sort=-value-quantity' },
  { type: 'Observation', query: 'value-quantity=lt0.3&_sort=-value-quantity,date' },
  { type: 'Patient', query: 'organization.name=quay' },
  { type: 'Patient', query: 'organization.name=quay&_sort=-_lastUpdated' },
  { type: 'Patient', query: 'organization.name=quay&_sort=family' },
  { type: 'Patient', query: 'organization.name=quay&_sort=-birthdate,family' },
  { type: 'Patient', query: 'name=zoe' },
  { type: 'Patient', query: '_sort=organization' },
  { type: 'Patient', query: '_sort=birthdate,-family,-_id' },
  { type: 'Patient', query: 'birthdate:missing=true&_sort=birthdate,family' },
  { type: 'Patient', query: 'active=true&_sort=-family,organization' },
  { type: 'Observation', query: 'subject=Patient/one&_sort=-date,-_id' },
  { type: 'Observation', query: 'subject=Patient/one,Patient/other&_sort=date,subject,_lastUpdated' },
  { type: 'Patient', query: '_sort=-active,_id' },
  { type: 'Patient', query: '_sort=-organization,family' },
  { type: 'Patient', query: '_filter=active eq true or organization.name eq "Quay"&_sort=-family' },
];

describe.each(searches)('paging through $type?$query', ({ type, query }) => {
  it.each([2, 7, 20])('in pages of %d gives what one page gives', async (count) => {
    const whole = await database.search(`${type}?${query}&_count=1000`);
    const pages = await walk(type, query, count);
    expect(pages.flat()).toEqual(whole.ids);
    expect(new Set(pages.flat()).size).toBe(whole.ids.length);
    expect(pages.slice(0, -1).every((page) => page.length === count)).toBe(true);
    expect(pages.at(-1)?.length).toBeGreaterThan(0);
  });

  it('by offsets gives the same pages', async () => {
    const whole = await database.search(`${type}?${query}&_count=1000`);
    for (let offset = 0; offset <= whole.ids.length; offset += 9) {
      const page = await database.search(`${type}?${query}&_count=9&_offset=${offset}`);
      expect(page.ids).toEqual(whole.ids.slice(offset, offset + 9));
    }
  });

  it('visits each resource that stays exactly once while others come and go', async () => {
    const before = (await database.search(`${type}?${query}&_count=1000`)).ids;
    const removed = new Set<string>();
    const visited = await walk(type, query, 3, async (page, number) => {
      const template = (type === 'Patient' ? patients : observations)[number % 30];
      await database.put({ ...template, id: freshId() });
      const victim = page[0] ?? '';
      removed.add(victim);
      await database.delete(type, victim.slice(type.length + 1));
    });
    const seen = visited.flat();
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.filter((id) => before.includes(id))).toEqual(before);
    await restore([...removed]);
  });
});

// So many rows have the text that they are not collected: the type is walked instead.
it('paging through Patient?name=often finds all that have the text, in the order of creation', async () => {
  await database.addTexts('Patient', 'name', 'often', 300);
  const all = await database.search('Patient?_count=1000');
  const pages = await walk('Patient', 'name=often', 7);
  expect(pages.flat()).toEqual(all.ids);
  const tenth = await database.search('Patient?name=often&_count=5&_offset=10');
  expect(tenth.ids).toEqual(all.ids.slice(10, 15));
});

describe.each([
  '?_type=Patient,Observation',
  '?_type=Patient,Observation&_sort=-_lastUpdated',
  '?_type=Organization,Patient&_sort=_id',
  '?_sort=_lastUpdated',
  '?_lastUpdated=ge2026-01-01T00:00:20Z&_sort=-_lastUpdated',
  '?_lastUpdated=ge2000',
  'Patient/one/*?',
  'Patient/one/Observation?_sort=-date',
  'Patient/one/Observation?status=final',
])('paging through %s', (search) => {
  it.each([1, 7, 20])('in pages of %d gives what one page gives', async (count) => {
    const whole = await database.search(`${search}&_count=1000`);
    const found: string[] = [];
    for (let next = ''; ;) {
      const page = await database.search(`${search}&_count=${count}${next}`);
      found.push(...page.ids);
      if (page.next === undefined) break;
      next = `&_cursor=${page.next}`;
    }
    expect(found).toEqual(whole.ids);
    expect(found.length).toBeGreaterThan(7);
  });
});

it('a cursor is good for the very search it was made for', async () => {
  const { next } = await database.search('Patient/one/Observation?_count=1');
  for (const other of [
    'Observation?_count=1',
    'Patient/other/Observation?_count=1',
    'Patient/one/*?_type=Observation&_count=1',
  ]) {
    await expect(database.search(`${other}&_cursor=${next ?? ''}`)).rejects.toMatchObject({ category: 'invalid' });
  }
});

let freshIds = 0;
const freshId = () => `fresh-${++freshIds}`;

async function walk(
  type: string,
  query: string,
  count: number,
  meanwhile?: (page: string[], number: number) => Promise<void>,
): Promise<string[][]> {
  const pages: string[][] = [];
  for (let next = ''; ;) {
    const page = await database.search(`${type}?${query}&_count=${count}${next}`);
    pages.push(page.ids);
    if (page.next === undefined) return pages;
    if (pages.length > 500) throw new Error('The pages have no end.');
    await meanwhile?.(page.ids, pages.length);
    next = `&_cursor=${page.next}`;
  }
}

/** Puts what was deleted back under new ids, so that the next case has as much to walk through. */
async function restore(removed: readonly string[]): Promise<void> {
  const originals = new Map([...patients, ...observations].map((resource) => [referenceTo(resource), resource]));
  for (const id of removed) {
    const original = originals.get(id);
    if (original) await database.put({ ...original, id: freshId() });
  }
}

const referenceTo = ({ resourceType, id }: JsonObject) => `${resourceType as string}/${id as string}`;

/**
 * The SQL text of typical searches, kept as a snapshot so that a change of a query is seen in review. Update it on
 * purpose with `npm run jest -- test/conformance/search/sql --selectProjects integration -u`.
 */
import {
  decodeCursor,
  encodeCursor,
  parseSearchAt,
  planIncludes,
  planSearch,
  toCountSql,
  toSql,
  unrestricted,
  type Statement,
} from '#fhir-search';
import { hasher, now, version } from './searchable-database.js';

const searches = [
  'Patient?',
  'Patient?identifier=http://h.example/mrn|1',
  'Patient?active=true&_tag=vip&_sort=-_lastUpdated',
  'Patient?gender:not=male',
  'Patient?family=smi',
  'Patient?name=smi,mue&family:exact=Smith',
  'Patient?family:contains=mit',
  'Patient?_id=a,b&_lastUpdated=ge2026',
  'Patient?_sort=family',
  'Patient?_sort=-birthdate&_offset=40',
  'Patient?_sort=family,-birthdate',
  'Observation?subject=Patient/1',
  'Observation?subject=Patient/1,Patient/2',
  'Observation?patient=1&code=http://loinc.org|8480-6&_sort=-date',
  'Observation?date=2024-03',
  'Observation?code=8480-6&date=ge2024-03-01&date=lt2024-04-01',
  'ValueSet?url:below=http://sets.example/',
  'RiskAssessment?probability=0.5',
  'Observation?value-quantity=gt5.4|http://unitsofmeasure.org|mg',
  'Observation?value-quantity=ge5||mg&value-quantity=lt7||mg',
  'Observation?combo-code-value-quantity=http://loinc.org|8480-6$gt100',
  'MolecularSequence?chromosome-variant-coordinate=1$lt5$gt9',
  'Observation?_content=chest+pain&code:text=heart',
  'Patient?name:text=smith',
  'Patient?_list=42',
  'Observation?_sort=-value-quantity',
  'Observation?subject:Patient.identifier=http://h.example/mrn|1',
  'Observation?subject.name=smi',
  'Observation?patient.organization.name=quay&_sort=-date',
  'Patient?_has:Observation:patient:code=http://loinc.org|8480-6',
  'Patient?_list=1',
  'Patient?_filter=family eq "Smith" and (given sw an or organization.name eq "Quay")',
  'Patient?_filter=not (active eq true)',
  'Patient/1/Observation?_sort=-date',
  'Patient/1/Observation?code=8480-6',
  'Encounter/1/*?_type=Encounter,Observation',
  '?_type=Patient,Practitioner&_tag=vip',
  '?_type=Patient,Practitioner&family=smi',
  '?_type=Patient,Practitioner&_sort=-_lastUpdated',
  'Observation?_sort=code',
  'RiskAssessment?_sort=-probability',
];

describe('the SQL of', () => {
  it.each(searches)('%s', (search) => {
    expect(plan(search).page.text).toMatchSnapshot('page');
    expect(plan(search).total.text).toMatchSnapshot('total');
  });

  it.each(['Patient?_sort=-_lastUpdated', 'Patient?_sort=family', 'Patient?_sort=-birthdate,family'])(
    'a further page of %s',
    (search) => expect(plan(search, ['2020-01-01', 'x']).page.text).toMatchSnapshot(),
  );

  it('a further page of Patient?_sort=family among those without a value', () => {
    expect(plan('Patient?_sort=family', [null]).page.text).toMatchSnapshot();
  });
});

describe('the SQL of includes', () => {
  const starts = [
    { row: '7', type: 'Observation', id: 'a' },
    { row: '9', type: 'Patient', id: 'b' },
  ];
  it.each([
    '_include=Observation:subject',
    '_include=Observation:performer:Practitioner&_include=Observation:subject',
    '_include=*&_revinclude=Provenance:target',
    '_revinclude=Observation:subject:Patient&_revinclude=*',
  ])('%s', (query) => {
    const { includes } = parseSearchAt(version, 'Observation', query, { handling: 'strict' });
    const plans = planIncludes(
      { version, hasher, restrict: unrestricted },
      includes,
      starts,
      ['Patient', 'Practitioner'],
      1000,
    );
    expect(plans.map((made) => toSql(made).text)).toMatchSnapshot();
  });
});

describe('a statement', () => {
  it('has the same text for the same shape, whatever the values', () => {
    const one = plan('Patient?identifier=a|1&family=x&birthdate=ge2001').page;
    const other = plan('Patient?identifier=b|2&family=yy&birthdate=ge1999-05').page;
    expect(other.text).toBe(one.text);
    expect(other.values).not.toEqual(one.values);
    expect(plan('Patient?identifier=a|1,b|2,c&_id=x').page.text).toBe(plan('Patient?identifier=a,b&_id=y,z').page.text);
  });

  it('has one name for one text and another for another', () => {
    const all = [...searches, 'Patient?identifier=other'].flatMap((search) => [plan(search).page, plan(search).total]);
    const named = all.filter(({ name }) => name !== undefined);
    const names = new Map(named.map(({ text, name }) => [text, name]));
    expect(new Set(names.values()).size).toBe(names.size);
    for (const { name, text } of named) {
      expect(name).toMatch(/^[a-z0-9_]{1,63}$/);
      expect(name).toBe(names.get(text));
    }
  });

  it.each([
    ['Patient?', true],
    ['Patient?_sort=-birthdate', true],
    ['Patient?_id=a&gender=male', true],
    ['Patient?identifier=a', true],
    ['Patient?identifier=a|b&gender=male', true],
    ['ValueSet?url=http://a', true],
    ['Observation?patient=1', true],
    ['Observation?patient=1&category=x&_sort=-date', true],
    ['Patient?gender=male', false],
    ['Patient?identifier=a|', false],
    ['Patient?identifier:not=a', false],
    ['Patient?identifier=a&_sort=family', false],
    ['Patient?_profile=http://a', false],
    ['Patient?family=a&gender=male', false],
    ['Patient?birthdate=2000', false],
    ['Patient?_lastUpdated=gt2000', false],
    ['Patient?_id:not=a', false],
    ['Observation?code=x&_sort=-date', false],
    ['Patient/1/Observation?', true],
    ['Patient/1/Observation?_sort=-date', true],
    ['Patient/1/*?', false],
    ['Observation?patient.family=a', false],
    ['Patient?_has:Observation:patient:_id=a', false],
    ['?_id=a', false],
  ])('for %s has a name, so that one plan serves all values: %s', (search, isNamed) => {
    expect(plan(search).page.name !== undefined).toBe(isNamed);
    expect(plan(search).total.name !== undefined).toBe(isNamed);
  });

  it('for one string and nothing else has a name, because it finds out by itself how frequent the text is', () => {
    const { page, total } = plan('Patient?family=a');
    expect(page.name).toBeDefined();
    expect(total.name).toBeUndefined();
  });

  it('never holds a value of the search in its text', () => {
    for (const value of ["'; DROP TABLE resource; --", '$1', '\\', '%', '"']) {
      const query = new URLSearchParams({ name: value, 'family:contains': value, _id: value, 'identifier:not': value });
      expect(plan(`Patient?${query.toString()}`).page.text).toBe(
        plan('Patient?name=a&family:contains=b&_id=c&identifier:not=d').page.text,
      );
    }
  });
});

function plan(search: string, after?: (string | null)[]): { page: Statement; total: Statement } {
  const at = search.indexOf('?');
  const [path, query] = [search.slice(0, at), search.slice(at + 1)];
  const options = { handling: 'strict', now } as const;
  const first = parseSearchAt(version, path, query, options);
  const key = Buffer.alloc(32);
  const position = after && { id: '7', values: after.slice(0, first.sort.length) };
  const request = position
    ? parseSearchAt(version, path, `${query}&_cursor=${encodeCursor(key, first, position)}`, options)
    : first;
  const made = planSearch(version, request, hasher, unrestricted, decodeCursor(key, request));
  return { page: toSql(made), total: toCountSql(made) };
}

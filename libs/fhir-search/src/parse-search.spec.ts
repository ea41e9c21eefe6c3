import { fhirVersion, OutcomeError } from '#fhir';
import { parseSearch, parseSearchAt, parseSystemSearch, type ParseOptions } from './parse-search.js';
import type { SearchRequest } from './search-request.js';

const version = fhirVersion('R4');

function parse(search: string, options: Partial<ParseOptions> = {}): SearchRequest {
  const at = search.indexOf('?');
  return parseSearch(version, search.slice(0, at), search.slice(at + 1), { handling: 'strict', ...options });
}

function refusal(search: string, options: Partial<ParseOptions> = {}): OutcomeError {
  try {
    parse(search, options);
  } catch (error) {
    if (error instanceof OutcomeError) return error;
    throw error;
  }
  throw new Error(`${search} was not refused.`);
}

describe('what is not a parameter of the type', () => {
  it.each(['unknown', 'unknown:exact', 'unknown.name', '__proto__', 'constructor', 'hasOwnProperty', 'toString', ''])(
    '%s is refused by name, and left out under lenient handling',
    (name) => {
      const search = `Patient?${name}=x&gender=male`;
      expect(refusal(search)).toMatchObject({ category: 'invalid', issues: [{ expression: [name] }] });
      const lenient = parse(search, { handling: 'lenient' });
      expect(lenient.ignored).toEqual([name]);
      expect(lenient.applied).toEqual([['gender', 'male']]);
      expect(lenient.criteria).toHaveLength(1);
    },
  );

  it('says which type and parameter it was', () => {
    expect(refusal('Patient?nmae=x').issues[0]?.text).toBe("Patient has no search parameter 'nmae'.");
  });
});

describe('what is not supported yet', () => {
  it.each([
    ['Patient?_contained=true', '_contained'],
    ['Patient?_contained=both', '_contained'],
    ['Patient?_query=x', '_query'],
    ['Patient?_filter=name ss x', '_filter'],
    ['Observation?code:in=http://x', 'code:in'],
    ['Observation?code:not-in=http://x', 'code:not-in'],
    ['Observation?code:above=x', 'code:above'],
    ['Observation?code:below=x', 'code:below'],
    ['Observation?code:code-text=x', 'code:code-text'],
    ['Observation?subject:above=Patient/1', 'subject:above'],
    ['Observation?subject:below=Patient/1', 'subject:below'],
    ['Observation?value-quantity:not=5', 'value-quantity:not'],
    ['RiskAssessment?probability:exact=0.5', 'probability:exact'],
    ['Observation?code-value-quantity:missing=true', 'code-value-quantity:missing'],
    ['Location?near=42|-83', 'near'],
    ['Patient?_list=$current-problems', '_list'],
    ['Patient?_text:exact=x', '_text:exact'],
    ['Patient?birthdate:not=2000', 'birthdate:not'],
    ['Observation?subject:missin=true', 'subject:missin'],
    ['Patient?_id:exact=x', '_id:exact'],
    ['Patient?_lastUpdated:not=2020', '_lastUpdated:not'],
  ])('%s is refused by name, under lenient handling too', (search, name) => {
    for (const handling of ['strict', 'lenient'] as const) {
      const error = refusal(search, { handling });
      expect(error.category).toBe('invalid');
      expect(error.issues).toMatchObject([{ code: 'not-supported', expression: [name] }]);
      expect(error.message).toContain('is not supported yet');
    }
  });
});

describe('the character NUL', () => {
  it.each(['Patient?_id=a%00', 'Patient?name=%00', 'Patient?_filter=_id eq "a\\u0000"', 'Patient?_cursor=%00'])(
    '%s is refused before PostgreSQL sees it',
    (search) => expect(refusal(search).category).toBe('invalid'),
  );
});

describe('a bad value', () => {
  it.each([
    ['Patient?birthdate=yesterday', 'birthdate'],
    ['Patient?birthdate=2021-02-30', 'birthdate'],
    ['Patient?birthdate=xx2020', 'birthdate'],
    ['Patient?birthdate=ge', 'birthdate'],
    ['Patient?_lastUpdated=2020-13', '_lastUpdated'],
    ['Patient?identifier=a|b|c', 'identifier'],
    ['Patient?identifier=|', 'identifier'],
    ['Patient?gender:missing=yes', 'gender:missing'],
    ['Patient?gender:missing=true,false', 'gender:missing'],
    ['Observation?patient:Device=1', 'patient'],
    ['Observation?subject:Patient=Group/1', 'subject'],
    ['Patient?_count=-1', '_count'],
    ['Patient?_count=ten', '_count'],
    ['Patient?_count=1.5', '_count'],
    ['Patient?_count=1&_count=2', '_count'],
    ['Patient?_offset=10001', '_offset'],
    ['Patient?_offset=1&_cursor=x', '_offset'],
    ['Patient?_sort=nothing', '_sort'],
    ['Patient?_total=exact', '_total'],
    ['Patient?_summary=all', '_summary'],
    ['Patient?_elements=name&_summary=text', '_summary'],
    ['Patient?_elements=a[1]', '_elements'],
    ['Patient?_contained=maybe', '_contained'],
    [`Patient?family=${'a'.repeat(257)}`, 'family'],
    [`ValueSet?url:below=${'a'.repeat(257)}`, 'url'],
    [`ValueSet?url:above=${'a'.repeat(257)}`, 'url'],
    [`ValueSet?url:above=http://a${'/b'.repeat(24)}`, 'url'],
  ])('%s is refused with the name of the parameter', (search, name) => {
    expect(refusal(search)).toMatchObject({ category: 'invalid', issues: [{ expression: [name] }] });
  });
});

describe('the limits', () => {
  it('allow a thousand parameters in 65,536 characters, wherever the search is made', () => {
    expect(refusal(`Patient?${'gender=male&'.repeat(1001)}`).category).toBe('too-costly');
    expect(refusal(`Patient?${'unknown=x&'.repeat(1001)}`, { handling: 'lenient' }).category).toBe('too-costly');
    const long = `name=${'x'.repeat(65_536)}`;
    expect(() => parseSystemSearch(version, long, { handling: 'strict' })).toThrow(
      expect.objectContaining({ category: 'too-costly' }),
    );
  });

  it('allow a hundred criteria and a thousand values, and no more', () => {
    const criteria = (count: number) => `Patient?${Array.from({ length: count }, () => 'gender=male').join('&')}`;
    const values = (count: number) => `Patient?_id=${Array.from({ length: count }, (_, index) => index).join(',')}`;
    expect(parse(criteria(100)).criteria).toHaveLength(100);
    expect(refusal(criteria(101)).category).toBe('too-costly');
    expect(parse(values(1000)).criteria).toHaveLength(1);
    expect(refusal(values(1001)).category).toBe('too-costly');
  });

  it('count the targets that bare ids stand for', () => {
    const ids = (count: number) => Array.from({ length: count }, (_, index) => `x${index}`).join(',');
    expect(refusal(`Provenance?target=${ids(100)}`).category).toBe('too-costly');
    expect(parse(`Provenance?target=${ids(2)}`).criteria).toHaveLength(1);
  });
});

describe('a request', () => {
  it('has defaults', () => {
    expect(parse('Patient?')).toEqual({
      type: 'Patient',
      criteria: [],
      sort: [],
      count: 20,
      total: 'none',
      furtherTypes: [],
      everyType: false,
      path: 'Patient',
      includes: [],
      shown: { kind: 'all' },
      ignored: [],
      applied: [],
    });
  });

  it('ignores parameters without a value', () => {
    expect(parse('Patient?name=&gender:not=&_count=&unknown=&_sort=&birthdate=,').applied).toEqual([]);
  });

  it('takes at most a thousand entries on a page', () => {
    expect(parse('Patient?_count=5000')).toMatchObject({ count: 1000, applied: [['_count', '1000']] });
  });

  it.each(['_count=0', '_summary=count', '_summary=count&_count=5', '_count=5&_summary=count', '_count=0&_total=none'])(
    'with %s asks for the total alone',
    (query) => expect(parse(`Patient?${query}`)).toMatchObject({ count: 0, total: 'accurate' }),
  );

  it('gives an exact total where an estimate would do', () => {
    expect(parse('Patient?_total=estimate').total).toBe('accurate');
    expect(parse('Patient?_total=none').total).toBe('none');
  });

  it('keeps what had an effect as it came, in order', () => {
    const { applied } = parse('Patient?name=a%2Cb&_count=3&gender=&_sort=-family&_format=json');
    expect(applied).toEqual([
      ['name', 'a,b'],
      ['_count', '3'],
      ['_sort', '-family'],
      ['_format', 'json'],
    ]);
  });

  it('reads pairs like the text that they come from', () => {
    const pairs = [
      ['name', 'a,b'],
      ['_sort', 'family'],
    ] as const;
    expect(parseSearch(version, 'Patient', pairs, { handling: 'strict' })).toEqual(
      parse('Patient?name=a,b&_sort=family'),
    );
  });

  it('has the sort keys in order, with their directions', () => {
    expect(parse('Patient?_sort=-birthdate,family,_lastUpdated,-_id').sort).toMatchObject([
      { by: 'date', descending: true, code: 'birthdate' },
      { by: 'string', descending: false, code: 'family' },
      { by: 'last-updated', descending: false },
      { by: 'id', descending: true },
    ]);
  });

  it('can be printed', () => {
    const request = parse('Patient?identifier=a|b&birthdate=ge2000&family:exact=x&_sort=family&_offset=3');
    expect(JSON.parse(JSON.stringify(request))).toEqual(request);
  });
});

describe('a chain', () => {
  const key = (type: string, code: string) => version.searchParameters(type).get(code)?.key;

  it('has the criteria for each type that the reference may have and that knows the parameter', () => {
    const [criterion] = parse('Observation?subject.name=x').criteria;
    expect(criterion).toMatchObject({
      kind: 'chain',
      parameter: { code: 'subject', key: key('Observation', 'subject') },
    });
    expect(criterion?.kind === 'chain' && criterion.targets.map(({ type }) => type)).toEqual(['Patient', 'Location']);
  });

  it('leaves out the types whose parameter cannot take the value', () => {
    const [criterion] = parse('Provenance?agent.address-city=x').criteria;
    expect(criterion?.kind).toBe('chain');
  });

  it('goes on from the other side with _has', () => {
    expect(parse('Patient?_has:Observation:patient:code=x').criteria).toMatchObject([
      { kind: 'has', parameter: { key: key('Observation', 'patient') }, source: { type: 'Observation' } },
    ]);
  });

  it('is as long as the limit allows and no longer', () => {
    expect(parse(`Patient?${'link:Patient.'.repeat(5)}name=x`).criteria).toHaveLength(1);
    expect(refusal(`Patient?${'link:Patient.'.repeat(6)}name=x`).category).toBe('too-costly');
  });

  it('is one of as many as the limit allows', () => {
    const chains = (count: number) => `Patient?${Array.from({ length: count }, () => 'link:Patient.name=x').join('&')}`;
    expect(parse(chains(50)).criteria).toHaveLength(50);
    expect(refusal(chains(51)).category).toBe('too-costly');
  });

  it('that leads nowhere is left out under lenient handling', () => {
    const lenient = parse('Observation?subject.nosuch=x&_include=Nothing:x&code=y', { handling: 'lenient' });
    expect(lenient.ignored).toEqual(['subject.nosuch', '_include']);
    expect(lenient.applied).toEqual([['code', 'y']]);
  });
});

describe('the limits of includes', () => {
  it('count those that are left out because they lead nowhere', () => {
    const includes = (count: number) => `Patient?${'_include=Nothing:x&'.repeat(count)}`;
    expect(parse(includes(20), { handling: 'lenient' }).ignored).toHaveLength(20);
    expect(refusal(includes(21), { handling: 'lenient' }).category).toBe('too-costly');
  });

  it('allow twenty', () => {
    const includes = (count: number) => `Patient?${Array.from({ length: count }, () => '_include=*').join('&')}`;
    expect(parse(includes(20)).includes).toHaveLength(20);
    expect(refusal(includes(21)).category).toBe('too-costly');
  });
});

describe('a chain within a filter', () => {
  it('may lead to every type when the reference declares none', () => {
    expect(version.searchParameters('AccessPolicy').get('compartment')?.targets).toEqual([]);
    const [criterion] = parse('AccessPolicy?_filter=compartment.birthdate gt 2000').criteria;
    const types = criterion?.kind === 'chain' ? criterion.targets.map(({ type }) => type) : [];
    expect(types).toContain('Patient');
    expect(parse('AccessPolicy?compartment.birthdate=gt2000').criteria).toEqual([criterion]);
  });
});

describe('a search over several types', () => {
  const system = (query: string, options: Partial<ParseOptions> = {}) =>
    parseSystemSearch(version, query, { handling: 'strict', ...options });

  it('has the criteria as each type has the parameter', () => {
    const request = system('_type=Patient,Practitioner&name=x');
    expect(request).toMatchObject({
      type: 'Patient',
      furtherTypes: [{ type: 'Practitioner' }],
      everyType: false,
      path: '',
    });
    expect(request.applied).toEqual([
      ['_type', 'Patient,Practitioner'],
      ['name', 'x'],
    ]);
    expect(request.furtherTypes[0]?.criteria).not.toEqual(request.criteria);
  });

  it('is about every type when none is named', () => {
    const request = system('_id=x');
    expect(request.everyType).toBe(true);
    expect([request, ...request.furtherTypes].map(({ type }) => type)).toEqual(version.resourceTypes);
  });

  it.each([
    ['Patient/1/Observation', 'Observation', 'Patient/1/Observation'],
    ['Patient/1/*', 'Account', 'Patient/1/*'],
    ['', version.resourceTypes[0], ''],
    ['Patient', 'Patient', 'Patient'],
  ])('stands at the address %j', (address, type, path) => {
    expect(parseSearchAt(version, address, '', { handling: 'strict' })).toMatchObject({ type, path });
  });

  it.each([
    'Nothing',
    '*',
    'Patient/1',
    'Organization/1/Patient',
    'Patient/1/Organization',
    'Patient/a b/Observation',
    'Patient/1/Observation/2',
    'Patient/1/Nothing',
  ])('does not stand at the address %j', (address) => {
    expect(() => parseSearchAt(version, address, '', { handling: 'strict' })).toThrow(
      expect.objectContaining({ category: 'not-found' }),
    );
  });
});

describe('the values of a reference', () => {
  const targets = (search: string) => {
    const [criterion] = parse(search, {
      ownBaseUrls: ['https://me.example/fhir/R4/', 'https://me.example/fhir/'],
    }).criteria;
    return criterion?.kind === 'reference' ? [...criterion.targets].sort() : [];
  };

  it.each([
    ['Encounter?patient:Patient=1', ['Patient/1']],
    ['Encounter?subject=1', ['Group/1', 'Patient/1']],
    ['Encounter?subject:Patient=1', ['Patient/1']],
    ['Encounter?subject=Patient/1', ['Patient/1']],
    ['Encounter?subject=https://me.example/fhir/R4/Patient/1', ['Patient/1']],
    ['Encounter?subject=https://me.example/fhir/Patient/1', ['Patient/1']],
    ['Encounter?subject=https://other.example/fhir/Patient/1', ['https://other.example/fhir/Patient/1']],
    ['Encounter?subject=Patient/1,Patient/2', ['Patient/1', 'Patient/2']],
  ])('%s', (search, expected) => {
    expect(targets(search)).toEqual(expected);
  });
});

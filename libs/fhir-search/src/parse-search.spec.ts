import { describe, expect, it } from '@jest/globals';
import { fhirVersion, OutcomeError } from '#fhir';
import { parseSearch, type ParseOptions } from './parse-search.js';
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
    ['Observation?subject.name=x', 'subject.name'],
    ['Observation?subject:Patient.name=x', 'subject:Patient.name'],
    ['Patient?_has:Observation:patient:code=x', '_has:Observation:patient:code'],
    ['Observation?_include=Observation:subject', '_include'],
    ['Observation?_include:iterate=Observation:subject', '_include:iterate'],
    ['Patient?_revinclude=Observation:subject', '_revinclude'],
    ['Patient?_filter=name eq x', '_filter'],
    ['Patient?_text=x', '_text'],
    ['Patient?_content=x', '_content'],
    ['Patient?_elements=id', '_elements'],
    ['Patient?_summary=true', '_summary=true'],
    ['Observation?value-quantity=5', 'value-quantity'],
    ['RiskAssessment?probability=0.5', 'probability'],
    ['Observation?code-value-quantity=a$5', 'code-value-quantity'],
    ['Observation?code:in=http://x', 'code:in'],
    ['Observation?code:text=x', 'code:text'],
    ['Patient?identifier:of-type=a|b|c', 'identifier:of-type'],
    ['Patient?family:text=x', 'family:text'],
    ['Patient?birthdate:not=2000', 'birthdate:not'],
    ['Observation?subject:missin=true', 'subject:missin'],
    ['ValueSet?url:above=http://x', 'url:above'],
    ['Patient?_id:exact=x', '_id:exact'],
    ['Patient?_lastUpdated:not=2020', '_lastUpdated:not'],
    ['Patient?_sort=identifier', '_sort'],
    ['Observation?_sort=subject', '_sort'],
  ])('%s is refused by name, under lenient handling too', (search, name) => {
    for (const handling of ['strict', 'lenient'] as const) {
      const error = refusal(search, { handling });
      expect(error.category).toBe('invalid');
      expect(error.issues).toMatchObject([{ code: 'not-supported', expression: [name] }]);
      expect(error.message).toContain('is not supported yet');
    }
  });
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
    [`Patient?family=${'a'.repeat(257)}`, 'family'],
    [`ValueSet?url:below=${'a'.repeat(257)}`, 'url'],
  ])('%s is refused with the name of the parameter', (search, name) => {
    expect(refusal(search)).toMatchObject({ category: 'invalid', issues: [{ expression: [name] }] });
  });
});

describe('the limits', () => {
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
      ignored: [],
      applied: [],
    });
  });

  it('ignores parameters without a value', () => {
    expect(parse('Patient?name=&gender:not=&_count=&unknown=&_sort=&birthdate=,').applied).toEqual([]);
  });

  it('takes at most a thousand entries on a page', () => {
    expect(parse('Patient?_count=5000').count).toBe(1000);
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

import { fhirVersion, type JsonObject } from '#fhir';
import { parseSearch } from '../parse-search.js';
import { matchesCriteria, type MatchContext } from './matches-criteria.js';

const version = fhirVersion('R4');
const now = new Date('2026-11-21T00:00:00Z');
const ownBaseUrls = ['https://quay.example.org/fhir/R4/'];

function matches(query: string, resource: JsonObject, others?: MatchContext['others']): boolean {
  const type = resource['resourceType'] as string;
  const { criteria } = parseSearch(version, type, query, { handling: 'strict', now, ownBaseUrls });
  return matchesCriteria(version, criteria, resource, { ownBaseUrls, ...(others ? { others } : {}) });
}

const patient: JsonObject = {
  resourceType: 'Patient',
  id: 'ana',
  meta: { lastUpdated: '2026-01-02T03:04:05.678Z', tag: [{ system: 'urn:tag', code: 'vip' }], profile: ['urn:p|2'] },
  text: { status: 'generated', div: '<div xmlns="http://www.w3.org/1999/xhtml">Seen in <b>Harbour</b> town</div>' },
  identifier: [
    {
      type: { coding: [{ system: 'urn:types', code: 'MR' }], text: 'Record number' },
      system: 'urn:mrn',
      value: '1',
    },
  ],
  name: [{ family: 'Ångström', given: ['Ana María'] }],
  telecom: [{ system: 'email', value: 'ana@example.org' }],
  gender: 'female',
  birthDate: '1985-03',
  deceasedBoolean: false,
  maritalStatus: { coding: [{ system: 'urn:m', code: 'M', display: 'Married' }], text: 'wed' },
  managingOrganization: { reference: 'https://quay.example.org/fhir/R4/Organization/o1', display: 'Harbour clinic' },
  generalPractitioner: [{ identifier: { system: 'urn:npi', value: '77' } }, { reference: '#contained' }],
};

describe('a Patient', () => {
  it.each([
    ['', true],
    ['_id=ana', true],
    ['_id=bob', false],
    ['_id:not=bob', true],
    ['_lastUpdated=2026-01-02', true],
    ['_lastUpdated=gt2026-01-02', false],
    ['_lastUpdated:missing=true', false],
    ['_tag=urn:tag|vip', true],
    ['_profile=urn:p', true],
    ['_profile=urn:p|1', false],
    ['identifier=1', true],
    ['identifier=urn:mrn|1', true],
    ['identifier=|1', false],
    ['identifier=urn:mrn|', true],
    ['identifier=2,1', true],
    ['identifier=1&identifier=2', false],
    ['identifier:of-type=urn:types|MR|1', true],
    ['identifier:of-type=urn:types|MR|2', false],
    ['identifier:of-type=urn:other|MR|1', false],
    ['identifier:text=record', true],
    ['gender=female', true],
    ['gender=http://hl7.org/fhir/administrative-gender|female', true],
    ['gender=|female', true],
    ['gender:not=female', false],
    ['gender:not=male', true],
    ['gender:missing=false', true],
    ['active:missing=true', true],
    ['active:not=true', true],
    ['email=ana@example.org', true],
    ['phone=ana@example.org', false],
    ['family=angs', true],
    ['family=strom', false],
    ['family:contains=STRO', true],
    ['family:exact=Ångström', true],
    ['family:exact=ångström', false],
    ['name=ana%20mar%C3%ADa', true],
    ['birthdate=1985', true],
    ['birthdate=1985-03-12', false],
    ['birthdate=ne1985-03-12', true],
    ['birthdate=gt1985-03-12', true],
    ['birthdate=sa1985-03-12', false],
    ['birthdate=lt1985-03-12', true],
    ['birthdate=eb1985-04', true],
    ['birthdate=ap1986', true],
    ['death-date:missing=true', true],
    ['deceased=false', true],
    ['organization=Organization/o1', true],
    ['organization=o1', true],
    ['organization=https://elsewhere.example/Organization/o1', false],
    ['organization:text=harbour', true],
    ['general-practitioner:identifier=urn:npi|77', true],
    ['general-practitioner:identifier=urn:npi|78', false],
    ['_text=harbour', true],
    ['_text=harbour%20seen', true],
    ['_text=married', false],
    ['_content=married%20harbour', true],
    ['_content=div', false],
  ])('satisfies %s: %s', (query, expected) => {
    expect(matches(query, patient)).toBe(expected);
  });
});

describe('a number', () => {
  const risk = (probabilityDecimal: number): JsonObject => ({
    resourceType: 'RiskAssessment',
    status: 'final',
    subject: { reference: 'Patient/ana' },
    prediction: [{ probabilityDecimal }],
  });

  it.each([
    ['0.5', 0.5, true],
    ['0.5', 0.54, true],
    ['0.5', 0.55, false],
    ['0.50', 0.54, false],
    ['ne0.5', 0.54, false],
    ['gt0.5', 0.5, false],
    ['gt0.5', 0.50001, true],
    ['ge0.5', 0.5, true],
    ['lt0.5', 0.49999, true],
    ['le0.5', 0.5, true],
    ['sa0.5', 0.51, true],
    ['eb0.5', 0.49, true],
    ['ap0.5', 0.549, true],
    ['ap0.5', 0.6, false],
  ])('probability=%s of %d: %s', (value, probability, expected) => {
    expect(matches(`probability=${value}`, risk(probability))).toBe(expected);
  });
});

describe('a quantity', () => {
  const observation = (valueQuantity: JsonObject): JsonObject => ({
    resourceType: 'Observation',
    status: 'final',
    code: { coding: [{ system: 'urn:c', code: 'weight' }] },
    valueQuantity,
  });
  const ucum = { system: 'http://unitsofmeasure.org' };

  it.each([
    ['5.4', { value: 5.4 }, true],
    ['5.4||mg', { value: 5.4, unit: 'mg' }, true],
    ['5.4||mg', { value: 5.4, ...ucum, code: 'mg' }, true],
    ['5.4||mg', { value: 5.4 }, false],
    ['5.4|http://unitsofmeasure.org|mg', { value: 5.4, ...ucum, code: 'mg' }, true],
    ['5.4|http://unitsofmeasure.org|mg', { value: 0.0054, ...ucum, code: 'g' }, true],
    ['5.4|http://unitsofmeasure.org|mg', { value: 5.4, ...ucum, code: 'g' }, false],
    ['5.4|http://unitsofmeasure.org|mg', { value: 5.4, ...ucum, code: 'mL' }, false],
    ['5.4|urn:other|mg', { value: 5.4, ...ucum, code: 'mg' }, false],
    ['gt5', { value: 5, comparator: '>' }, true],
    ['lt5', { value: 5, comparator: '<' }, true],
    ['ge5', { value: 5, comparator: '<' }, false],
    ['le5', { value: 5, comparator: '<=' }, true],
    ['eb5', { value: 5, comparator: '<' }, true],
    ['eb5', { value: 5, comparator: '<=' }, false],
    ['5', { value: 5, comparator: '<' }, false],
  ])('value-quantity=%s of %j: %s', (value, quantity, expected) => {
    expect(matches(`value-quantity=${value}`, observation(quantity))).toBe(expected);
  });

  it('of a composite must stand on the same node as the code', () => {
    const component = (code: string, value: number) => ({
      code: { coding: [{ system: 'urn:c', code }] },
      valueQuantity: { value },
    });
    const both = { ...observation({ value: 1 }), component: [component('systolic', 120), component('diastolic', 80)] };
    expect(matches('component-code-value-quantity=systolic$120', both)).toBe(true);
    expect(matches('component-code-value-quantity=systolic$80', both)).toBe(false);
    expect(matches('component-code-value-quantity=systolic$80,diastolic$80', both)).toBe(true);
    expect(matches('code-value-quantity=urn:c|weight$gt0.5', both)).toBe(true);
    expect(matches('code-value-quantity=urn:c|weight$gt2', both)).toBe(false);
  });
});

describe('a uri', () => {
  const valueSet: JsonObject = { resourceType: 'ValueSet', status: 'draft', url: 'http://sets.example/a/b' };

  it.each([
    ['url=http://sets.example/a/b', true],
    ['url=http://sets.example/a', false],
    ['url:below=http://sets.example/a', true],
    ['url:below=http://sets.example/b', false],
    ['url:above=http://sets.example/a/b/c', true],
    ['url:above=http://sets.example/a/bc', false],
  ])('satisfies %s: %s', (query, expected) => {
    expect(matches(query, valueSet)).toBe(expected);
  });
});

describe('criteria about other resources', () => {
  const organization: JsonObject = { resourceType: 'Organization', id: 'o1', name: 'Harbour clinic' };
  const list: JsonObject = {
    resourceType: 'List',
    id: 'l1',
    entry: [{ item: { reference: 'Patient/ana' } }, { deleted: true, item: { reference: 'Organization/o1' } }],
  };
  const observation = {
    resourceType: 'Observation',
    id: 'x',
    code: { text: 'x' },
    subject: { reference: 'Patient/ana/_history/3' },
  };
  const all = [organization, list, observation];
  const others = {
    find: (type: string, id: string) => all.find((one) => one['resourceType'] === type && one['id'] === id),
    ofType: (type: string) => all.filter(({ resourceType }) => resourceType === type),
  };

  it.each([
    ['organization.name=harbour', true],
    ['organization:Organization.name=quay', false],
    ['general-practitioner:Practitioner.name=harbour', false],
    ['_has:Observation:subject:_id=x', true],
    ['_has:Observation:subject:status=final', false],
    ['_list=l1', true],
    ['_list=l2', false],
  ])('a Patient satisfies %s: %s', (query, expected) => {
    expect(matches(query, patient, others)).toBe(expected);
  });

  it('an entry of a list that is marked as deleted is none', () => {
    expect(matches('_list=l1', organization, others)).toBe(false);
  });

  it.each(['organization.name=harbour', '_has:Observation:subject:_id=x', '_list=l1'])(
    'cannot be judged where none are known: %s',
    (query) => expect(() => matches(query, patient)).toThrow('only where other resources are known'),
  );
});

describe('a compartment', () => {
  const inPatient = { handling: 'strict', compartment: { type: 'Patient', id: 'ana' } } as const;

  it.each([
    ['Observation', { subject: { reference: 'Patient/ana' } }, true],
    ['Observation', { performer: [{ reference: 'Patient/ana' }] }, true],
    ['Observation', { subject: { reference: 'Patient/bob' } }, false],
    ['Patient', { id: 'ana' }, true],
    ['Patient', { id: 'bob' }, false],
  ])('holds a %s with %j: %s', (type, members, expected) => {
    const { criteria } = parseSearch(version, type, '', inPatient);
    expect(matchesCriteria(version, criteria, { resourceType: type, ...members })).toBe(expected);
  });
});

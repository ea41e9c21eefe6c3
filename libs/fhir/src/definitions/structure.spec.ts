import { fhirVersion, supportedFhirVersions } from '../versions/registry.js';

describe.each(supportedFhirVersions())('the structure of FHIR $label', ({ id }) => {
  const version = fhirVersion(id);
  const member = (type: string, name: string) => version.structure(type)?.find((element) => element.name === name);

  it('lists the members of resources, data types and backbone elements', () => {
    expect(member('Patient', 'id')).toEqual({ name: 'id', type: 'id', isArray: false, isRequired: false });
    expect(member('Patient', 'name')).toEqual({ name: 'name', type: 'HumanName', isArray: true, isRequired: false });
    expect(member('Patient', 'contact')).toMatchObject({ type: 'Patient.contact', isArray: true });
    expect(member('Patient.contact', 'name')).toMatchObject({ type: 'HumanName' });
    expect(member('HumanName', 'given')).toEqual({ name: 'given', type: 'string', isArray: true, isRequired: false });
    expect(member('Bundle.entry', 'resource')).toMatchObject({ type: 'Resource', isArray: false });
    expect(member('Extension', 'url')).toEqual({ name: 'url', type: 'uri', isArray: false, isRequired: true });
    expect(member('Questionnaire.item', 'item')).toMatchObject({ type: 'Questionnaire.item', isArray: true });
    expect(member('AccessPolicy', 'resource')).toMatchObject({ type: 'AccessPolicy.resource', isArray: true });
    // It says what type the rule is about, which makes no resource of the rule.
    expect(member('AccessPolicy.resource', 'resourceType')).toMatchObject({ type: 'string', isRequired: true });
    expect(member('AccessPolicy.resource', 'implicitRules')).toBeUndefined();
  });

  it('tells the codes of closed lists and the targets of references', () => {
    expect(member('Patient', 'gender')).toMatchObject({ type: 'code', codes: ['male', 'female', 'other', 'unknown'] });
    expect(member('Patient', 'managingOrganization')?.targets).toEqual(['Organization']);
    expect(member('Patient', 'language')?.type).toBe('code');
  });

  it('lists the forms of a choice one by one', () => {
    expect(member('Observation', 'valueQuantity')).toMatchObject({
      type: 'Quantity',
      choice: 'value',
      isRequired: false,
    });
    expect(member('Observation', 'valueString')).toMatchObject({ type: 'string', choice: 'value' });
    expect(member('Observation', 'value')).toBeUndefined();
  });

  it('leaves out the siblings of primitives and the type of a resource', () => {
    expect(version.structure('Patient')?.filter(({ name }) => /^_|^resourceType$/.test(name))).toEqual([]);
  });

  it.each(['string', 'vs:administrative-gender', 'Nothing', 'constructor', 'patient', ''])(
    'has no members of %j',
    (name) => {
      expect(version.structure(name)).toBeUndefined();
    },
  );

  it('leads from every type to types that are known', () => {
    const seen = new Set<string>(version.resourceTypes);
    for (const type of seen) {
      for (const element of version.structure(type) ?? []) if (element.type !== 'Resource') seen.add(element.type);
    }
    const primitives = [...seen].filter((type) => version.structure(type) === undefined);
    expect(primitives.filter((type) => !/^[a-z]/.test(type))).toEqual([]);
    expect(primitives).toEqual(expect.arrayContaining(['string', 'code', 'dateTime', 'decimal', 'base64Binary']));
  });

  it('tells what stands in a summary, and what every resource has', () => {
    const summary = version.summaryElements('Patient');
    for (const name of ['id', 'meta', 'identifier', 'name', 'deceasedBoolean']) expect(summary.has(name)).toBe(true);
    for (const name of ['text', 'photo', 'contact', 'communication']) expect(summary.has(name)).toBe(false);
    expect([...version.mandatoryElements('Observation')]).toEqual(['status', 'code']);
    expect(version.mandatoryElements('Patient').size).toBe(0);
  });

  it('tells what may change the meaning of the rest', () => {
    const modifiers = version.modifierElements('Patient');
    const expected = ['implicitRules', 'modifierExtension', 'active', 'deceasedBoolean', 'deceasedDateTime', 'link'];
    expect([...modifiers]).toEqual(expected);
    expect(version.modifierElements('Observation').has('status')).toBe(true);
    expect(version.modifierElements('ProjectMembership').size).toBe(0);
    expect(version.modifierElements('HumanName').size).toBe(0);
  });

  it('shows a platform resource in full, and nothing of a type that is none', () => {
    expect(version.summaryElements('ProjectMembership').has('access')).toBe(true);
    for (const type of ['HumanName', 'Nothing', 'constructor']) {
      expect(version.summaryElements(type).size).toBe(0);
      expect(version.mandatoryElements(type).size).toBe(0);
    }
  });
});

describe('a required choice', () => {
  it('counts with all its forms', () => {
    const mandatory = fhirVersion('R4').mandatoryElements('MedicationRequest');
    expect([...mandatory]).toEqual(['status', 'intent', 'subject', 'medicationCodeableConcept', 'medicationReference']);
  });
});

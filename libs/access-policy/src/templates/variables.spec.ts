import { type JsonObject } from '#fhir';
import { interactions } from '../access-policy.js';
import { granted, may, organization, patientOf, policyFor } from '../policy-for.fixture.js';

describe('variables', () => {
  const rule = { resourceType: 'Patient', criteria: 'Patient?organization=%organization' };
  const [a, b, c] = [patientOf('Organization/a'), patientOf('Organization/b'), patientOf('Organization/c')];

  it('with several values are alternatives, in one look-up', () => {
    const policy = policyFor({
      rules: [rule],
      parameter: [organization('Organization/a'), organization('Organization/b')],
    });
    expect([a, b, c].map((patient) => may(policy, 'read', patient))).toEqual([true, true, false]);
    expect(policy.limits('search', 'Patient')).toMatchObject([
      { kind: 'reference', targets: ['Organization/a', 'Organization/b'] },
    ]);
  });

  it('of two entries with one value each mean the same as one entry with two', () => {
    const both = policyFor({
      rules: [rule],
      parameter: [organization('Organization/a'), organization('Organization/b')],
    });
    const entry = (reference: string) => ({
      policy: { reference: 'AccessPolicy/one' },
      parameter: [organization(reference)],
    });
    const policies = { one: { resource: [rule] } };
    const each = policyFor({ access: [entry('Organization/a'), entry('Organization/b')], policies });
    expect(each.limits('search', 'Patient')).toEqual(both.limits('search', 'Patient'));
  });

  it('of a negated condition stay apart: what one copy forbids another may grant', () => {
    const not = { resourceType: 'Patient', criteria: 'Patient?_compartment:not=%organization' };
    const policy = policyFor({
      rules: [not],
      parameter: [organization('Organization/a'), organization('Organization/b')],
    });
    const inBoth = patientOf('Organization/a', {
      meta: { compartment: [{ reference: 'Organization/a' }, { reference: 'Organization/b' }] },
    });
    expect([a, b, c, inBoth].map((patient) => may(policy, 'read', patient))).toEqual([true, true, true, false]);
    const two = policyFor({
      rules: [
        { ...not, criteria: 'Patient?_tag:not=x' },
        { ...not, criteria: 'Patient?_tag:not=y' },
      ],
    });
    const tagged = (...codes: string[]) =>
      patientOf('Organization/a', { meta: { tag: codes.map((code) => ({ code })) } });
    expect([tagged('x'), tagged('y'), tagged('x', 'y')].map((patient) => may(two, 'read', patient))).toEqual([
      true,
      true,
      false,
    ]);
  });

  it('that a constraint uses keep the value of the copy that grants', () => {
    const constrained = {
      ...rule,
      writeConstraint: [{ language: 'text/fhirpath', expression: 'managingOrganization.reference = %organization' }],
    };
    const policy = policyFor({
      rules: [constrained],
      parameter: [organization('Organization/a'), organization('Organization/b')],
    });
    expect(policy.grantFor('update', { type: 'Patient', value: b })?.writeConstraints).toEqual([
      "managingOrganization.reference = 'Organization/b'",
    ]);
    expect(policy.grantsFully('update', 'Patient')).toBe(false);
  });

  it.each<[string, object]>([
    ['no parameter', {}],
    [
      'a name that is the beginning of it only',
      { parameter: [{ name: 'org', valueReference: { reference: 'Organization/a' } }] },
    ],
    ['a reference with a version', { parameter: [organization('Organization/a/_history/1')] }],
    ['an absolute reference', { parameter: [organization('https://example.com/Organization/a')] }],
    ['a reference with more in it', { parameter: [organization('Organization/a&_id=x')] }],
    ['an empty text', { parameter: [{ name: 'organization', valueString: '' }] }],
    ['no value', { parameter: [{ name: 'organization' }] }],
  ])('without a usable value grant nothing: %s', (_what, given) => {
    const policy = policyFor({ rules: [rule, { resourceType: 'Observation' }], ...given });
    expect(granted(policy, 'Patient')).toEqual([]);
    expect(granted(policy, 'Observation')).toEqual([...interactions]);
    expect(policy.dropped).toEqual([{ policy: 'AccessPolicy/own', position: 0, why: 'no value for %organization' }]);
  });

  it('have the longest name there is: %organization_unit is not %organization before _unit', () => {
    const unit = { resourceType: 'Patient', criteria: 'Patient?organization=%organization_unit' };
    expect(granted(policyFor({ rules: [unit], parameter: [organization('Organization/a')] }), 'Patient')).toEqual([]);
    const named = [
      organization('Organization/a'),
      { name: 'organization_unit', valueReference: { reference: 'Organization/b' } },
    ];
    const policy = policyFor({ rules: [unit], parameter: named });
    expect([a, b].map((patient) => may(policy, 'read', patient))).toEqual([false, true]);
  });

  it('may begin like an encoded character', () => {
    for (const name of ['account', 'caregiver', 'facility', 'department', 'e2e']) {
      const named = { resourceType: 'Patient', criteria: `Patient?organization=%${name}` };
      const parameter = [{ name, valueReference: { reference: 'Organization/a' } }];
      const policy = policyFor({ rules: [named], parameter });
      expect([name, may(policy, 'read', a), may(policy, 'read', b)]).toEqual([name, true, false]);
      expect(granted(policyFor({ rules: [named] }), 'Patient')).toEqual([]);
    }
  });

  it('leave encoded characters what they are in every query', () => {
    const policy = policyFor({ rules: [{ resourceType: 'Patient', criteria: 'Patient?name=Jos%C3%A9%20Mar+ia%2Cx' }] });
    const named = (family: string) => patientOf('Organization/a', { name: [{ family }] });
    expect(['José Mar ia', 'José', 'xy'].map((family) => may(policy, 'read', named(family)))).toEqual([
      true,
      false,
      true,
    ]);
  });

  it('stand for the id of a reference as %name.id', () => {
    const byId = (criteria: string) =>
      policyFor({ rules: [{ resourceType: 'Organization', criteria }], parameter: [organization('Organization/a')] });
    const [own, other] = ['a', 'b'].map((id): JsonObject => ({ resourceType: 'Organization', id }));
    for (const criteria of [
      'Organization?_id=%organization.id',
      'Organization?_id=%organization',
      'Organization?_id=Organization/a',
    ]) {
      expect([criteria, may(byId(criteria), 'read', own ?? {}), may(byId(criteria), 'read', other ?? {})]).toEqual([
        criteria,
        true,
        false,
      ]);
    }
    expect(
      granted(
        policyFor({
          rules: [{ resourceType: 'Patient', criteria: 'Patient?_id=%who.id' }],
          parameter: [{ name: 'who', valueString: 'x' }],
        }),
        'Patient',
      ),
    ).toEqual([]);
  });

  it('profile is always the own one, and patient is the profile unless the entry says otherwise', () => {
    const rules = [
      { resourceType: 'Patient', criteria: 'Patient?_id=%profile' },
      { resourceType: 'Observation', criteria: 'Observation?subject=%patient' },
    ];
    const about = (reference: string): JsonObject => ({ resourceType: 'Observation', subject: { reference } });
    const own = policyFor({ rules, profile: 'Patient/me' });
    expect([may(own, 'read', about('Patient/me')), may(own, 'read', about('Patient/child'))]).toEqual([true, false]);
    const parameter = [
      { name: 'patient', valueReference: { reference: 'Patient/child' } },
      { name: 'profile', valueReference: { reference: 'Patient/child' } },
    ];
    const caregiver = policyFor({ rules, profile: 'Patient/me', parameter });
    expect([may(caregiver, 'read', about('Patient/me')), may(caregiver, 'read', about('Patient/child'))]).toEqual([
      false,
      true,
    ]);
    const patients = ['me', 'child'].map((id): JsonObject => ({ resourceType: 'Patient', id }));
    expect(patients.map((patient) => may(caregiver, 'read', patient))).toEqual([true, false]);
  });

  it('patient of several entries opens the chart of each, to somebody who cares for several patients', () => {
    const reference = 'AccessPolicy/chart';
    const of = (patient: string) => ({
      policy: { reference },
      parameter: [{ name: 'patient', valueReference: { reference: patient } }],
    });
    const policy = policyFor({
      profile: 'RelatedPerson/me',
      access: [of('Patient/one'), of('Patient/two')],
      policies: {
        chart: {
          resource: ['Patient', 'Observation'].map((type) => ({
            resourceType: type,
            criteria: `${type}?_compartment=%patient`,
          })),
        },
      },
    });
    const filed = (resourceType: string, patient: string): JsonObject => ({
      resourceType,
      id: 'x',
      meta: { compartment: [{ reference: patient }] },
    });
    for (const type of ['Patient', 'Observation']) {
      const seen = ['Patient/one', 'Patient/two', 'Patient/three'].map((patient) =>
        may(policy, 'read', filed(type, patient)),
      );
      expect([type, seen]).toEqual([type, [true, true, false]]);
    }
  });

  it('of more than 100 copies make the entry grant nothing, and 100 do not', () => {
    const rules = [
      { resourceType: 'Patient', criteria: 'Patient?organization=%organization&general-practitioner=%doctor' },
      { resourceType: 'ValueSet' },
    ];
    const values = (count: number) =>
      Array.from({ length: count }, (_, at) => [
        organization(`Organization/o${at}`),
        { name: 'doctor', valueReference: { reference: `Practitioner/d${at}` } },
      ]).flat();
    const many = policyFor({ rules, parameter: values(11) });
    expect([granted(many, 'Patient'), granted(many, 'ValueSet')]).toEqual([[], []]);
    expect(many.dropped[0]?.why).toContain('more than 100');
    expect(granted(policyFor({ rules, parameter: values(10) }), 'ValueSet')).toEqual([...interactions]);
  });
});

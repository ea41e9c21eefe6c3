import { interactions } from '../access-policy.js';
import { granted, looking, may, organization, patientOf, policyFor } from '../policy-for.fixture.js';

describe('criteria', () => {
  it.each([
    'Person?active=true',
    'active=true',
    'Patient',
    'Patient?',
    'patient?active=true',
    ' Patient?active=true',
    'Patient?active',
    'Patient?active=',
    'Patient?active=,',
    'Patient?=true',
    'Patient?active=true&',
    'Patient?nonsense=1',
    'Patient?organization.name=x',
    'Patient?organization:Organization.name=x',
    'Patient?_has:Observation:subject:code=x',
    'Patient?_filter=active eq true',
    'Patient?_list=1',
    'Patient?_in=Group/1',
    'Patient?_text=x',
    'Patient?_content=x',
    'Patient?_query=x',
    'Patient?name:contains=x',
    'Patient?name:exact=x',
    'Patient?organization:Organization=x',
    'Patient?identifier:of-type=a|b|c',
    'Patient?active:missing=maybe',
    'Patient?birthdate=soon',
    'Patient?_count=1',
    'Patient?active=true&_sort=name',
    'Patient?active=true&_include=Patient:organization',
    'Patient?_type=Patient',
    'Patient?phonetic:text=x',
    'Patient?%profile=true',
    '*?active=true',
  ])('%s grants nothing, is told, and leaves searches of the type to other rules', (criteria) => {
    const policy = policyFor({ rules: [{ resourceType: 'Patient', criteria }] });
    expect(granted(policy, 'Patient')).toEqual([]);
    expect(policy.limits('search', 'Patient')).toBeUndefined();
    expect(policy.dropped).toHaveLength(1);
    const beside = policyFor({
      rules: [
        { resourceType: 'Patient', criteria },
        { resourceType: 'Patient', criteria: 'Patient?active=true' },
      ],
    });
    expect(beside.limits('search', 'Patient')).toMatchObject([{ kind: 'token' }]);
  });

  it.each([
    'Patient?_id=1',
    'Patient?_compartment=Organization/1',
    'Patient?_compartment=1',
    'Patient?_lastUpdated=ge2024',
    'Patient?_tag=http://x|y',
    'Patient?_profile=http://x',
    'Patient?_tag:not=x',
    'Patient?active:missing=true',
    'Patient?general-practitioner:identifier=a|b',
    'Patient?birthdate=ge2000-01-01&birthdate=lt2001',
    'Patient?name=x&gender=female,male',
  ])('%s can be judged', (criteria) => {
    const policy = policyFor({ rules: [{ resourceType: 'Patient', criteria }] });
    expect([granted(policy, 'Patient'), policy.dropped]).toEqual([[...interactions], []]);
  });

  it('of a type that the version does not have are kept and match nothing', () => {
    const policy = policyFor({ rules: [{ resourceType: 'CodeSet' }, { resourceType: 'ValueSet' }] });
    expect([policy.dropped, granted(policy, 'CodeSet'), granted(policy, 'ValueSet')]).toEqual([
      [],
      [],
      [...interactions],
    ]);
  });

  it('in the old form of a compartment are the same as _compartment', () => {
    const old = policyFor({
      rules: [{ resourceType: 'Patient', compartment: { reference: '%organization' } }],
      parameter: [organization('Organization/a')],
    });
    const now = policyFor({
      rules: [{ resourceType: 'Patient', criteria: 'Patient?_compartment=%organization' }],
      parameter: [organization('Organization/a')],
    });
    expect(old.limits('search', 'Patient')).toEqual(now.limits('search', 'Patient'));
    expect(granted(policyFor({ rules: [{ resourceType: 'Patient', compartment: {} }] }), 'Patient')).toEqual([]);
  });

  it('of * hold for every type, for writes too', () => {
    const policy = policyFor({
      rules: [{ resourceType: '*', criteria: '*?_compartment=%organization' }],
      parameter: [organization('Organization/a')],
    });
    for (const interaction of interactions) {
      expect([
        interaction,
        may(policy, interaction, patientOf('Organization/a')),
        may(policy, interaction, patientOf('Organization/b')),
      ]).toEqual([interaction, true, false]);
    }
    expect(policy.limits('search', 'Observation')).toMatchObject([
      { kind: 'token', values: [{ code: 'Organization/a' }] },
    ]);
  });

  it('of * that a type cannot be asked open nothing of it', () => {
    const policy = policyFor({ rules: [{ resourceType: '*', criteria: '*?birthdate=2000' }] });
    expect([granted(policy, 'Patient').length, granted(policy, 'Observation').length]).toEqual([7, 0]);
  });

  test('a create rule without criteria does not widen a limited search', () => {
    const policy = policyFor({
      rules: [
        { resourceType: 'Patient', interaction: ['create'] },
        { resourceType: 'Patient', interaction: ['search', 'read'], criteria: 'Patient?active=true' },
      ],
    });
    expect(policy.limits('create', 'Patient')).toEqual([]);
    expect(policy.limits('search', 'Patient')).toMatchObject([{ kind: 'token' }]);
    expect(granted(policy, 'Patient')).toEqual(['create', 'read', 'search']);
  });

  test('interaction counts more than readonly, and an empty one grants nothing', () => {
    expect(granted(policyFor({ rules: [{ resourceType: 'Patient', readonly: true }] }), 'Patient')).toEqual(
      interactions.filter((one) => looking.includes(one)),
    );
    expect(
      granted(policyFor({ rules: [{ resourceType: 'Patient', readonly: true, interaction: ['create'] }] }), 'Patient'),
    ).toEqual(['create']);
    expect(granted(policyFor({ rules: [{ resourceType: 'Patient', interaction: [] }] }), 'Patient')).toEqual([]);
  });

  test('several rules are alternatives', () => {
    const policy = policyFor({
      rules: [
        { resourceType: 'Patient', criteria: 'Patient?active=true&gender=male' },
        { resourceType: 'Patient', criteria: 'Patient?name=x' },
      ],
    });
    expect(policy.limits('read', 'Patient')).toMatchObject([
      { kind: 'or', criteria: [{ kind: 'and' }, { kind: 'and' }] },
    ]);
  });
});

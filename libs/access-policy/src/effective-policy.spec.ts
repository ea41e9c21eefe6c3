import { type JsonObject } from '#fhir';
import { interactions } from './access-policy.js';
import { effectivePolicy, type EffectivePolicy } from './effective-policy.js';
import { ipAccess } from './ip-access.js';
import { granted, looking, organization, patientOf, policyFor, projectId, version } from './policy-for.fixture.js';

describe('the entries of a membership', () => {
  it('none at all grant everything in the project', () => {
    expect(granted(policyFor({}), 'Patient')).toEqual([...interactions]);
    expect(policyFor({}).grantsFully('search', 'Patient')).toBe(true);
    expect(policyFor({}).limits('search', 'Patient')).toEqual([]);
  });

  it('with a policy without rules grant nothing', () => {
    expect(granted(policyFor({ policy: {} }), 'Patient')).toEqual([]);
    expect(policyFor({ policy: {} }).limits('search', 'Patient')).toBeUndefined();
  });

  it.each([
    [
      'a policy that is deleted, missing or of another project',
      { access: [{ policy: { reference: 'AccessPolicy/gone' } }] },
    ],
    ['no policy', { access: [{}] }],
    ['a version of a policy', { accessPolicy: { reference: 'AccessPolicy/own/_history/1' } }],
    ['something else than a policy', { accessPolicy: { reference: 'Patient/own' } }],
    ['no reference', { accessPolicy: { display: 'x' } }],
  ])('that name %s grant nothing', (_what, given) => {
    expect(
      granted(policyFor({ ...given, policies: { other: { resource: [{ resourceType: '*' }] } } }), 'Patient'),
    ).toEqual([]);
  });

  it('still count when the policy of another one is gone', () => {
    const policy = policyFor({
      rules: [{ resourceType: 'Patient' }],
      access: [{ policy: { reference: 'AccessPolicy/gone' } }],
    });
    expect(granted(policy, 'Patient')).toEqual([...interactions]);
    expect(policy.dropped).toEqual([{ policy: 'AccessPolicy/gone', why: 'there is no such policy' }]);
  });

  it('count in order: accessPolicy, then access, and the first rule that grants decides on fields', () => {
    const hiding = (field: string) => ({ resource: [{ resourceType: 'Patient', hiddenFields: [field] }] });
    const policy = policyFor({
      accessPolicy: { reference: 'AccessPolicy/first' },
      access: [{ policy: { reference: 'AccessPolicy/second' } }],
      policies: { first: hiding('name'), second: hiding('address') },
    });
    expect(policy.grantFor('read', { type: 'Patient', value: patientOf('Organization/a') })?.hiddenFields).toEqual([
      'name',
    ]);
    expect(policy.hiddenFieldsOf('search', 'Patient')).toEqual(['name', 'address']);
    expect(policy.basedOn).toEqual(['AccessPolicy/first', 'AccessPolicy/second']);
  });

  it('add StructureDefinition and SearchParameter for reading unless a rule names them', () => {
    const policy = policyFor({ rules: [{ resourceType: 'SearchParameter', interaction: ['read'] }] });
    expect(granted(policy, 'StructureDefinition').sort()).toEqual([...looking].sort());
    expect(granted(policy, 'SearchParameter')).toEqual(['read']);
  });

  it('do not open StructureDefinition when the rule that names it is dropped', () => {
    expect(
      granted(policyFor({ rules: [{ resourceType: 'StructureDefinition', criteria: 'x' }] }), 'StructureDefinition'),
    ).toEqual([]);
  });
});

describe('the rules of all entries together', () => {
  const entry = (policy: string, organizations: readonly string[]) => ({
    policy: { reference: `AccessPolicy/${policy}` },
    parameter: organizations.map((id) => organization(`Organization/${id}`)),
  });
  const ids = (count: number, start = 'o') => Array.from({ length: count }, (_, index) => `${start}${index}`);
  const filed = (type: string) => ({ resourceType: type, criteria: `${type}?_compartment=%organization` });
  /** Whose copies cannot be put together. */
  const costly = (count: number) =>
    ids(count).map((field) => ({
      ...filed('*'),
      hiddenFields: [field],
      writeConstraint: [{ language: 'text/fhirpath', expression: '%organization.exists()' }],
    }));
  const why = 'with it the rules of the membership are more than one may have';

  it('are limited, so that no policy holds up the server: an entry beyond the limit grants nothing', () => {
    const started = performance.now();
    const policy = policyFor({
      access: [entry('small', ['a']), ...ids(5).map((id) => entry('giant', ids(100, id))), entry('small', ['b'])],
      policies: { small: { resource: [filed('Patient')] }, giant: { resource: costly(200) } },
    });
    const small = policyFor({ rules: [filed('Patient')], parameter: entry('', ['a', 'b']).parameter });
    expect(policy.limits('search', 'Patient')).toEqual(small.limits('search', 'Patient'));
    expect(granted(policy, 'Observation')).toEqual([]);
    expect(policy.dropped).toHaveLength(5);
    expect(policy.dropped[0]).toMatchObject({ policy: 'AccessPolicy/giant', why });
    policy.describe();
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  it('are limited by the sum of them, by what each says, and by the scopes of the log-in too', () => {
    const entries = (count: number) => ids(count).map((id) => entry('one', ids(40, id)));
    const policies = (rules: number) => ({ one: { resource: costly(rules) } });
    expect(policyFor({ access: entries(2), policies: policies(4) }).dropped).toEqual([]);
    expect(policyFor({ access: entries(3), policies: policies(4) }).dropped).toMatchObject([{ why }]);
    const long = [{ ...filed('Patient'), hiddenFields: [`x${'y'.repeat(100_000)}`] }];
    expect(policyFor({ rules: long, parameter: entry('', ids(100)).parameter }).dropped).toMatchObject([{ why }]);
    const scope = ids(100)
      .map((id) => `user/Patient.rs?_id=${id}`)
      .join(' ');
    const many = { rules: ids(30).map((field) => ({ resourceType: 'Patient', hiddenFields: [field] })) };
    expect([policyFor(many).dropped, policyFor({ ...many, scope }).dropped]).toMatchObject([[], [{ why }]]);
  });

  it('may be those of a hundred organizations, in one entry or in one entry each', () => {
    const types = version.resourceTypes.slice(0, 15);
    const policies = { one: { resource: types.map(filed) } };
    const together = policyFor({ access: [entry('one', ids(100))], policies });
    const apart = policyFor({ access: ids(100).map((id) => entry('one', [id])), policies });
    const [type = ''] = types;
    expect([together.dropped, apart.dropped]).toEqual([[], []]);
    expect(apart.limits('search', type)).toEqual(together.limits('search', type));
    expect(apart.limits('search', type)).toHaveLength(1);
  });

  it('do not open StructureDefinition when they are too many to be read', () => {
    const rules = Array.from({ length: 2_001 }, () => ({ resourceType: 'StructureDefinition', interaction: ['read'] }));
    expect(granted(policyFor({ rules }), 'StructureDefinition')).toEqual([]);
  });
});

describe('the charts into which a member may write', () => {
  const [own, foreign] = ['Organization/a', 'Organization/b'].map((one) => ({
    type: 'Patient',
    value: patientOf(one),
  }));
  const patients = { resourceType: 'Patient', criteria: 'Patient?_compartment=%organization' };
  const observations = { resourceType: 'Observation' };
  const parameter = [organization('Organization/a')];
  const charts = (given: Parameters<typeof policyFor>[0]) => {
    const { chartLimit } = policyFor({ parameter, ...given });
    return chartLimit && [own, foreign].map((patient) => patient !== undefined && chartLimit(patient));
  };

  it('are those of the patients whom they may read', () => {
    expect(charts({ rules: [observations, patients] })).toEqual([true, false]);
    expect(charts({ rules: [{ resourceType: '*', criteria: '*?_compartment=%organization' }] })).toEqual([true, false]);
  });

  it('are all without a rule for reading Patients, and with one that grants them all', () => {
    expect(charts({ rules: [observations] })).toBeUndefined();
    expect(
      charts({ rules: [observations, { resourceType: 'Patient', interaction: ['create', 'search'] }] }),
    ).toBeUndefined();
    expect(charts({ rules: [patients, { resourceType: 'Patient' }] })).toBeUndefined();
    expect(policyFor({}).chartLimit).toBeUndefined();
  });

  it('are not more with a scope that leaves Patients out or is malformed, and fewer with one that narrows them', () => {
    const rules = [observations, patients];
    for (const scope of ['user/Observation.cruds', 'user/Patient.c user/Observation.c', 'user/Patient.rs?nothing=1']) {
      expect([scope, charts({ rules, scope })]).toEqual([scope, [true, false]]);
      expect([scope, charts({ rules: [observations], scope })]).toEqual([scope, undefined]);
    }
    expect(charts({ rules, scope: 'user/Patient.r?_tag=x' })).toEqual([false, false]);
    expect(charts({ rules: [{ resourceType: '*' }], scope: 'user/Observation.c' })).toBeUndefined();
  });

  it.each<[string, object]>([
    ['has no value for a variable', { rules: [observations, patients], parameter: [] }],
    [
      'has criteria that cannot be evaluated',
      { rules: [observations, { ...patients, criteria: 'Patient?nothing=1' }] },
    ],
    [
      'stands in an entry with too many copies',
      {
        rules: [{ ...patients, criteria: 'Patient?_tag=%t' }],
        parameter: Array.from({ length: 101 }, (_, index) => ({ name: 't', valueString: `${index}` })),
      },
    ],
    ['stands in an entry with too many rules', { rules: Array.from({ length: 2_001 }, () => patients) }],
  ])('are none when the only rule for Patients %s', (_what, given) => {
    expect(charts(given)).toEqual([false, false]);
  });
});

describe('the accounts of new resources', () => {
  const entry = (id: string, ...references: string[]) => ({
    policy: { reference: `AccessPolicy/${id}` },
    parameter: references.map(organization),
  });
  const policies = { with: { compartment: { reference: '%organization' } }, without: {} };

  it('are the values of the compartment, the first by default', () => {
    expect(policyFor({ access: [entry('with', 'Organization/b', 'Organization/a')], policies }).accounts).toEqual([
      'Organization/b',
      'Organization/a',
    ]);
  });

  it('begin with those of the last entry that has a compartment', () => {
    const access = [
      entry('with', 'Organization/a'),
      entry('with', 'Organization/b'),
      entry('without', 'Organization/c'),
    ];
    expect(policyFor({ access, policies }).accounts).toEqual(['Organization/b', 'Organization/a']);
  });

  it('are none when the variable has no value', () => {
    expect(policyFor({ access: [entry('with')], policies }).accounts).toEqual([]);
  });
});

describe('the rules about addresses', () => {
  it('of all entries count, those of the first entry first', () => {
    const only = (value: string, action: string) => ({ ipAccessRule: [{ value, action }] });
    const policies = { office: only('10.0.0.1', 'allow'), nobody: only('*', 'block') };
    const entered = (...order: (keyof typeof policies)[]) => {
      const access = order.map((id) => ({ policy: { reference: `AccessPolicy/${id}` } }));
      const { ipAccessRules } = policyFor({ access, policies });
      return ['10.0.0.1', '10.0.0.2'].map((address) => ipAccess(ipAccessRules, address));
    };
    expect(entered('office')).toEqual([true, true]);
    expect(entered('office', 'nobody')).toEqual([true, false]);
    expect(entered('nobody', 'office')).toEqual([false, false]);
  });
});

describe('the description of the effective policy', () => {
  it('has every copy by itself, filled in and narrowed, and the policies it is based on', () => {
    const policy = policyFor({
      policy: {
        compartment: { reference: '%organization' },
        resource: [
          { resourceType: 'Patient', criteria: 'Patient?organization=%organization&name=%who', readonly: true },
          {
            resourceType: 'Observation',
            compartment: { reference: '%organization' },
            hiddenFields: ['note'],
            readonlyFields: ['code'],
          },
          {
            resourceType: 'Task',
            interaction: ['create'],
            writeConstraint: [{ language: 'text/fhirpath', expression: 'owner.reference = %profile' }],
          },
          { resourceType: 'Person', criteria: 'Person?organization=%unknown' },
          { resourceType: 'User' },
        ],
        ipAccessRule: [{ value: '10.', action: 'allow' }],
      },
      parameter: [
        organization('Organization/a'),
        organization('Organization/b'),
        { name: 'who', valueString: 'x&y, 50%' },
      ],
    });
    expect(policy.describe()).toEqual({
      resourceType: 'AccessPolicy',
      basedOn: [{ reference: 'AccessPolicy/own' }],
      compartment: { reference: 'Organization/a' },
      resource: [
        {
          resourceType: 'Patient',
          criteria: 'Patient?organization=Organization/a&name=x%26y\\,%2050%25',
          readonly: true,
        },
        {
          resourceType: 'Patient',
          criteria: 'Patient?organization=Organization/b&name=x%26y\\,%2050%25',
          readonly: true,
        },
        {
          resourceType: 'Observation',
          criteria: 'Observation?_compartment=Organization/a',
          hiddenFields: ['note'],
          readonlyFields: ['code'],
        },
        {
          resourceType: 'Observation',
          criteria: 'Observation?_compartment=Organization/b',
          hiddenFields: ['note'],
          readonlyFields: ['code'],
        },
        {
          resourceType: 'Task',
          interaction: ['create'],
          writeConstraint: [{ language: 'text/fhirpath', expression: "owner.reference = 'Practitioner/me'" }],
        },
        { resourceType: 'StructureDefinition', readonly: true },
        { resourceType: 'SearchParameter', readonly: true },
      ],
      ipAccessRule: [{ value: '10.', action: 'allow' }],
    });
  });

  it('tells administrators, and nobody else, of the types of the administration', () => {
    const typesOf = (policy: EffectivePolicy) =>
      (policy.describe()['resource'] as JsonObject[]).map(({ resourceType }) => resourceType);
    expect(typesOf(policyFor({}))).toEqual(['*', 'StructureDefinition', 'SearchParameter']);
    expect(typesOf(policyFor({ admin: true }))).toEqual(
      expect.arrayContaining(['*', 'Project', 'ProjectMembership', 'User']),
    );
  });

  it('shows what the scopes leave', () => {
    const policy = policyFor({
      rules: [{ resourceType: '*', criteria: '*?_tag=x' }],
      scope: 'patient/Observation.rs?status=final',
      profile: 'Patient/me',
    });
    expect(policy.describe()['resource']).toEqual(
      expect.arrayContaining([
        {
          resourceType: 'Observation',
          criteria: 'Observation?_tag=x&_compartment=Patient/me&status=final',
          readonly: true,
        },
      ]),
    );
  });
});

test('what cannot be understood in a policy never throws and never opens', () => {
  const garbage = [
    null,
    1,
    'x',
    [],
    {},
    { resourceType: 1 },
    { resourceType: 'Patient', criteria: 1 },
    { resourceType: 'Patient', criteria: {} },
  ];
  const more = [
    { resourceType: 'Patient', writeConstraint: 'x' },
    { resourceType: 'Patient', writeConstraint: [{}] },
    { resourceType: 'Patient', writeConstraint: [{ expression: 'true', language: 'text/cql' }] },
    { resourceType: 'Patient', hiddenFields: 'name' },
    { resourceType: 'Patient', readonlyFields: [1] },
    { resourceType: 'Patient', interaction: 'read' },
    { resourceType: 'Patient', compartment: { reference: 1 } },
  ];
  for (const rule of [...garbage, ...more]) {
    expect([rule, granted(policyFor({ policy: { resource: [rule] } }), 'Patient')]).toEqual([rule, []]);
  }
  expect(granted(policyFor({ policy: { resource: { resourceType: '*' } } }), 'Patient')).toEqual([]);
  for (const membership of [
    { access: 'x' },
    { access: {} },
    { accessPolicy: 'x' },
    { accessPolicy: null },
    { access: [null] },
  ]) {
    const policy = effectivePolicy({
      version,
      projectId,
      membership: { id: 'm', ...membership },
      policies: new Map(),
      scope: '',
    });
    expect([membership, granted(policy, 'Patient')]).toEqual([membership, []]);
  }
});

describe('what a resource is filed under', () => {
  const filing = patientOf('Organization/a');
  const unread = (): JsonObject => {
    throw new Error('The body was asked for.');
  };
  const filed = {
    type: 'Patient',
    filing,
    get value(): JsonObject {
      return unread();
    },
  };

  it('decides without the body where the criteria ask for nothing else', () => {
    const rule = (criteria: string) => policyFor({ rules: [{ resourceType: 'Patient', criteria }] });
    expect(rule('Patient?_compartment=Organization/a').grantFor('read', filed)).toBeDefined();
    expect(rule('Patient?_compartment=Organization/b').grantFor('read', filed)).toBeUndefined();
    expect(rule('Patient?_compartment:not=Organization/a').grantFor('read', filed)).toBeUndefined();
    expect(rule('Patient?_id=p').grantFor('read', filed)).toBeDefined();
  });

  it('is not enough for any other criterion', () => {
    const criteria = [
      '_compartment=Organization/a&active=true',
      '_tag=x',
      '_lastUpdated=gt2000',
      'name=a',
      '_tag:not=x',
    ];
    for (const query of criteria) {
      const policy = policyFor({ rules: [{ resourceType: 'Patient', criteria: `Patient?${query}` }] });
      expect(() => policy.grantFor('read', filed)).toThrow('The body was asked for.');
    }
  });
});

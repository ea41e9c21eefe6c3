/** Values of parameters are data, whatever characters they have. */
import fhirpath from 'fhirpath';
import { fhirVersion, type JsonObject } from '#fhir';
import { runs, SeededRandom } from '#testing';
import { effectivePolicy } from '#access-policy';

const version = fhirVersion('R4');

/** Whatever is syntax in a query string, a search value, FHIRPath, JSON or a template. */
const pieces = [
  ...['&', '=', '?', '%', '%20', '%2C', '+', '#', ';'],
  ...[',', '|', '$', '\\', '\\,', '\\\\'],
  ...["'", "\\'", '"', '`', '//', '/*', ' or true', '}', '"}],"resource":[{"resourceType":"*"}]', '{{', '\n', '\t'],
  ...[
    '%organization',
    '%value',
    '%value.id',
    '&_id:not=x',
    'active=true',
    'Patient?',
    '*',
    'ge',
    'a',
    'B',
    'é',
    '\u2028',
    '😀',
  ],
];

const someText = (random: SeededRandom): string =>
  Array.from({ length: 1 + random.below(6) }, () => random.pick(pieces)).join('');

function policyWith(rules: object[], value: string) {
  const parameter = [{ name: 'value', valueString: value }];
  return effectivePolicy({
    version,
    projectId: 'p',
    membership: {
      id: 'm',
      profile: { reference: 'Patient/me' },
      access: [{ policy: { reference: 'AccessPolicy/1' }, parameter }],
    },
    policies: new Map([['AccessPolicy/1', { id: '1', resource: rules } as JsonObject]]),
    scope: '',
  });
}

const times = runs({ sample: 300, deep: 10_000 });

describe('a value of a parameter, whatever is in it', () => {
  test('is one value of one search parameter', () => {
    const random = new SeededRandom(11);
    const rules = [{ resourceType: 'Patient', criteria: 'Patient?identifier=urn:x|%value&active=true' }];
    for (let at = 0; at < times; at++) {
      const value = someText(random);
      const policy = policyWith(rules, value);
      expect([value, policy.limits('search', 'Patient')]).toEqual([
        value,
        [
          expect.objectContaining({ kind: 'token', values: [{ system: 'urn:x', code: value }], negated: false }),
          expect.objectContaining({ kind: 'token', values: [{ code: 'true' }], negated: false }),
        ],
      ]);
      expect([policy.grants('read', 'Observation'), policy.dropped]).toEqual([false, []]);
    }
  });

  test('stays what it is among several values', () => {
    const random = new SeededRandom(12);
    const rules = [{ resourceType: 'Patient', criteria: 'Patient?identifier=first,%value' }];
    for (let at = 0; at < times; at++) {
      const value = someText(random);
      expect(policyWith(rules, value).limits('search', 'Patient')).toMatchObject([
        { values: [{ code: 'first' }, { code: value }] },
      ]);
    }
  });

  test('is read back from the description as the same value', () => {
    const random = new SeededRandom(13);
    for (let at = 0; at < times; at++) {
      const value = someText(random);
      const policy = policyWith([{ resourceType: 'Patient', criteria: 'Patient?identifier=%value' }], value);
      const [described] = policy.describe()['resource'] as JsonObject[];
      const again = policyWith([described ?? {}], 'unused');
      expect([value, again.limits('search', 'Patient')]).toEqual([value, policy.limits('search', 'Patient')]);
    }
  });

  test('is one string in FHIRPath, quoted by the expression or not', () => {
    const random = new SeededRandom(14);
    const constraint = (expression: string) => ({ language: 'text/fhirpath', expression });
    const rules = [
      {
        resourceType: 'Basic',
        writeConstraint: [
          constraint('%value'),
          constraint("'<%value>' // %nothing"),
          constraint("`id`.exists() or 'it\\'s' = %value"),
        ],
      },
    ];
    for (let at = 0; at < times; at++) {
      const value = someText(random);
      const grant = policyWith(rules, value).grantFor('create', { type: 'Basic', value: { resourceType: 'Basic' } });
      const [bare = '', quoted = '', compared = ''] = grant?.writeConstraints ?? [];
      expect([value, fhirpath.evaluate({}, bare)]).toEqual([value, [value]]);
      expect([value, fhirpath.evaluate({}, quoted)]).toEqual([value, [`<${value}>`]]);
      expect([value, fhirpath.evaluate({}, compared)]).toEqual([value, [value === "it's"]]);
    }
  });
});

test.each(['ge1900', 'ne1900-01-01', 'gt1', '1900,ge1800', 'ap2000'])(
  'a value brings no prefix with it: %s grants nothing where a date stands',
  (value) => {
    const policy = policyWith([{ resourceType: 'Patient', criteria: 'Patient?birthdate=%value' }], value);
    expect([policy.grants('search', 'Patient'), policy.dropped.length]).toEqual([false, 1]);
  },
);

test('a prefix of the policy goes with a value that is a date', () => {
  const policy = policyWith([{ resourceType: 'Patient', criteria: 'Patient?birthdate=ge%value' }], '2000-01-01');
  expect(policy.limits('search', 'Patient')).toMatchObject([{ kind: 'date', tests: [{ prefix: 'ge' }] }]);
});

test.each([' ', '\u0301', '\u0000', '\t\n'])(
  'a text in which nothing is left to compare is the beginning of nothing: %j',
  (value) => {
    const policy = policyWith([{ resourceType: 'Patient', criteria: 'Patient?name=%value' }], value);
    expect(policy.grants('search', 'Patient')).toBe(false);
  },
);

test.each(['before', 'after', 'resource', 'context', 'ucum'])('%%%s is not a parameter in an expression', (name) => {
  const parameter = [{ name, valueString: 'x' }];
  const rules = [
    { resourceType: 'Basic', writeConstraint: [{ language: 'text/fhirpath', expression: `%${name}.id = 'x'` }] },
  ];
  const policy = effectivePolicy({
    version,
    projectId: 'p',
    membership: { id: 'm', access: [{ policy: { reference: 'AccessPolicy/1' }, parameter }] },
    policies: new Map([['AccessPolicy/1', { id: '1', resource: rules }]]),
    scope: '',
  });
  const grant = policy.grantFor('create', { type: 'Basic', value: { resourceType: 'Basic' } });
  expect(grant?.writeConstraints).toEqual([`%${name}.id = 'x'`]);
});

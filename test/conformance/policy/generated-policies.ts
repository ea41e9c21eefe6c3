/**
 * Policies, memberships and resources by chance, for tests that compare judges. A criterion is made as a structure together
 * with its text, so that a test can judge by the structure and need not read the text.
 */
import { fhirVersion, type JsonObject } from '#fhir';
import type { SeededRandom } from '#testing';
import { interactions } from '#access-policy';

export const version = fhirVersion('R4');
export const projectId = 'project-1';

type Segment = string | { readonly variable: string; readonly idOnly?: boolean };

export interface MadePair {
  readonly code: string;
  readonly modifier?: 'not' | 'missing';
  readonly prefix?: 'ge' | 'lt';
  /** The alternatives between commas, each of them text and variables. */
  readonly alternatives: readonly (readonly Segment[])[];
}

export interface MadeRule {
  readonly type: string;
  /** Undefined: the rule has no criteria. */
  readonly pairs?: readonly MadePair[];
  /** Criteria that nobody can evaluate. */
  readonly broken?: string;
  readonly interaction?: readonly string[];
  readonly readonly?: boolean;
  readonly hiddenFields?: readonly string[];
  readonly readonlyFields?: readonly string[];
  /** A variable that the constraint of the rule uses. */
  readonly constraintVariable?: string;
}

export interface MadeValue {
  readonly kind: 'reference' | 'string';
  readonly text: string;
}

export interface MadeEntry {
  /** Undefined for a policy that does not exist (any more). */
  readonly rules: readonly MadeRule[] | undefined;
  readonly parameters: readonly (MadeValue & { readonly name: string })[];
  /** The entry stands in `accessPolicy` and has no parameters. */
  readonly plain: boolean;
}

interface MadeScope {
  readonly level: 'patient' | 'user' | 'system';
  readonly type: string;
  readonly letters: string;
  readonly pairs?: readonly MadePair[];
  readonly malformed?: string;
}

export interface MadeMember {
  readonly entries: readonly MadeEntry[];
  readonly profile: string;
  readonly admin: boolean;
  readonly scopes: readonly MadeScope[];
}

const types = [
  'Patient',
  'Observation',
  'Organization',
  'Questionnaire',
  'StructureDefinition',
  'AccessPolicy',
  'ClientApplication',
  'Subscription',
  'Project',
  'ProjectMembership',
  'Login',
] as const;

const organizations = ['Organization/a', 'Organization/b', 'Organization/c', 'Organization/d'];
const patients = ['Patient/a', 'Patient/b'];
/** Whatever would be syntax somewhere. */
const oddTexts = [
  `O'Neil`,
  'a,b',
  'a|b',
  'a$b',
  'a\\b',
  '50%',
  '%organization',
  'x&active=true',
  '"}]',
  'a b',
  'a+b',
  '#',
];
const tags = ['red', 'blue'];
const years = ['1980', '1990', '2000'];

/** A member, or a client, with whatever a membership can have. */
export function aMember(random: SeededRandom): MadeMember {
  const count = random.pick([0, 1, 1, 1, 2, 3]);
  const entries: MadeEntry[] = [];
  for (let at = 0; at < count; at++) {
    const entry = anEntry(random, at === 0 && random.chance(0.3));
    // The same rules for other values, as somebody has who works in two places.
    const before = entries.at(-1);
    entries.push(before !== undefined && random.chance(0.4) ? { ...entry, rules: before.rules } : entry);
  }
  return {
    entries,
    profile: random.pick(['Practitioner/a', ...patients]),
    admin: random.chance(0.2),
    scopes: random.chance(0.3) ? Array.from({ length: 1 + random.below(3) }, () => aScope(random)) : [],
  };
}

function anEntry(random: SeededRandom, plain: boolean): MadeEntry {
  const rules = Array.from({ length: random.below(7) }, () => aRule(random));
  const parameters: MadeEntry['parameters'][number][] = [];
  if (!plain) {
    for (let left = random.below(5); left > 0; left--) {
      const name = random.pick(['organization', 'organization', 'organization_unit', 'patient', 'who', 'profile']);
      const value = name === 'who' ? aText(random) : random.pick(name === 'patient' ? patients : organizations);
      parameters.push({ name, kind: name === 'who' ? 'string' : 'reference', text: value });
    }
    // Enough values of two variables that a rule with both of them would have too many copies.
    if (random.chance(0.02)) {
      for (let at = 0; at < 11; at++) {
        parameters.push({ name: 'organization', kind: 'reference', text: `Organization/o${at}` });
        parameters.push({ name: 'organization_unit', kind: 'reference', text: `Organization/u${at}` });
      }
    }
  }
  return { rules: random.chance(0.05) ? undefined : rules, parameters, plain };
}

const aText = (random: SeededRandom): string => random.pick([...oddTexts, 'Ana', 'Quay', 'Müller']);

function aRule(random: SeededRandom): MadeRule {
  const type = random.pick(['*', '*', 'Patient', 'Patient', 'Observation', 'Observation', 'CodeSet', ...types]);
  const wanted = interactions.filter(() => random.chance(0.5));
  const limited = random.below(4);
  return {
    type,
    ...(random.chance(0.65) ? { pairs: Array.from({ length: 1 + random.below(2) }, () => aPair(random, type)) } : {}),
    ...(random.chance(0.1) ? { broken: random.pick(brokenCriteria(type)) } : {}),
    ...(limited === 0 && wanted.length > 0 ? { interaction: wanted } : {}),
    ...(limited <= 1 && random.chance(0.6) ? { readonly: true } : {}),
    ...(random.chance(0.2) ? { hiddenFields: [random.pick(['name', 'identifier', 'status'])] } : {}),
    ...(random.chance(0.2) ? { readonlyFields: [random.pick(['active', 'name'])] } : {}),
    ...(random.chance(0.15) ? { constraintVariable: random.pick(['organization', 'who', 'profile']) } : {}),
  };
}

const brokenCriteria = (type: string): string[] => [
  `active=true`,
  `Person?active=true`,
  `${type}?`,
  `${type}?no-such-parameter=1`,
  `${type}?subject:Patient.name=x`,
  `${type}?_has:Observation:subject:code=1`,
  `${type}?_filter=active eq true`,
  `${type}?_count=1`,
  `${type}?_tag=`,
  `${type}?_tag:above=red`,
  `${type}?_text=x`,
  `${type}?_list=1`,
  `${type}?_tag=red&_include=Patient:organization`,
  `${type}?_tag=%unknown`,
  `${type}?%profile=1`,
  `${type}?_tag`,
];

function aPair(random: SeededRandom, type: string): MadePair {
  const common: (() => MadePair)[] = [
    () => ({ code: '_compartment', ...maybe(random, 'not'), alternatives: someOf(random, () => [anOwner(random)]) }),
    () => ({ code: '_compartment', alternatives: someOf(random, () => [anOwner(random)]) }),
    () => ({
      code: '_id',
      ...maybe(random, 'not'),
      alternatives: someOf(random, () => [random.pick(['a', 'b', `${type}/a`])]),
    }),
    () => ({
      code: '_tag',
      ...maybe(random, 'not'),
      alternatives: someOf(random, () => [random.pick([...tags, 'colours|red', '|blue'])]),
    }),
    () => ({ code: '_tag', modifier: 'missing', alternatives: [[random.pick(['true', 'false'])]] }),
    () => ({ code: '_lastUpdated', prefix: random.pick(['ge', 'lt']), alternatives: [[random.pick(years)]] }),
  ];
  const own: Record<string, (() => MadePair)[]> = {
    Patient: [
      () => ({ code: 'organization', alternatives: someOf(random, () => [anOwner(random)]) }),
      () => ({
        code: 'name',
        alternatives: someOf(random, () => [random.pick<Segment>(['an', 'Qua', { variable: 'who' }])]),
      }),
      () => ({
        code: 'identifier',
        alternatives: [
          ['urn:mrn|', random.pick<Segment>(['1', { variable: 'who' }, { variable: 'organization', idOnly: true }])],
        ],
      }),
      () => ({ code: 'birthdate', prefix: random.pick(['ge', 'lt']), alternatives: [[random.pick(years)]] }),
      () => ({ code: 'active', alternatives: [[random.pick(['true', 'false'])]] }),
    ],
    Observation: [
      () => ({ code: 'subject', alternatives: [[random.pick<Segment>(['Patient/a', { variable: 'patient' }])]] }),
      () => ({
        code: 'status',
        ...maybe(random, 'not'),
        alternatives: someOf(random, () => [random.pick(['final', 'draft'])]),
      }),
      () => ({ code: 'status', modifier: 'missing', alternatives: [[random.pick(['true', 'false'])]] }),
    ],
    Organization: [() => ({ code: '_id', alternatives: [[{ variable: 'organization' }]] })],
  };
  return random.pick([...common, ...(own[type] ?? [])])();
}

const maybe = (random: SeededRandom, modifier: 'not') => (random.chance(0.3) ? { modifier } : {});

const someOf = (random: SeededRandom, make: () => readonly Segment[]) =>
  Array.from({ length: random.chance(0.3) ? 2 : 1 }, make);

const anOwner = (random: SeededRandom): Segment =>
  random.pick<Segment>([
    { variable: 'organization' },
    { variable: 'organization' },
    { variable: 'organization_unit' },
    { variable: 'patient' },
    { variable: 'profile' },
    { variable: 'organization', idOnly: true },
    'Organization/a',
  ]);

function aScope(random: SeededRandom): MadeScope {
  const level = random.pick(['patient', 'user', 'system'] as const);
  const letters = random.pick(['cruds', 'rs', 'r', 's', 'cud', 'u', 'cr']);
  return {
    level,
    type: random.pick(['*', 'Patient', 'Observation', 'AccessPolicy', 'Project', 'Login']),
    letters,
    ...(random.chance(0.2) ? { pairs: [{ code: '_tag', alternatives: [[random.pick(tags)]] }] } : {}),
    ...(random.chance(0.1)
      ? { malformed: random.pick(['patient/', 'user/Patient', 'system/*.sr', 'user/*.reads', 'patient/*.']) }
      : {}),
  };
}

/** A resource of some type, as policies judge it. */
export function aResource(random: SeededRandom): JsonObject {
  const resourceType = random.pick(types);
  const compartments = [...organizations, ...patients].filter(() => random.chance(0.25));
  const tagged = tags.filter(() => random.chance(0.3));
  const meta = {
    lastUpdated: `${random.pick(['1979', ...years])}-06-01T00:00:00.000Z`,
    ...(tagged.length > 0
      ? { tag: tagged.map((code) => ({ code, ...(code === 'red' ? { system: 'colours' } : {}) })) }
      : {}),
    ...(compartments.length > 0 ? { compartment: compartments.map((reference) => ({ reference })) } : {}),
  };
  return { resourceType, id: random.pick(['a', 'b', 'c', projectId]), meta, ...someElements(random, resourceType) };
}

function someElements(random: SeededRandom, type: string): JsonObject {
  const sometimes = (elements: JsonObject): JsonObject => (random.chance(0.6) ? elements : {});
  switch (type) {
    case 'Patient':
      return {
        ...sometimes({ managingOrganization: { reference: random.pick(organizations) } }),
        ...sometimes({ name: [{ family: aText(random), given: [aText(random)] }] }),
        ...sometimes({ identifier: [{ system: 'urn:mrn', value: random.pick(['1', 'a', 'b', aText(random)]) }] }),
        ...sometimes({ birthDate: `${random.pick(years)}-01-02` }),
        ...sometimes({ active: random.chance(0.5) }),
      };
    case 'Observation':
      return {
        ...sometimes({ subject: { reference: random.pick(patients) } }),
        ...sometimes({ status: random.pick(['final', 'draft']) }),
      };
    case 'Subscription':
      return { channel: { type: 'rest-hook', ...sometimes({ header: ['Authorization: x'] }) } };
    default:
      return {};
  }
}

/** The stored resources that a made member stands for. */
export function storedMember(member: MadeMember): {
  membership: JsonObject;
  policies: Map<string, JsonObject>;
  scope: string;
} {
  const policies = new Map<string, JsonObject>();
  const references = member.entries.map(({ rules }, at) => {
    const reference = `AccessPolicy/p${at}`;
    if (rules) policies.set(reference, { resourceType: 'AccessPolicy', id: `p${at}`, resource: rules.map(storedRule) });
    return { reference };
  });
  const [first] = member.entries;
  const access = member.entries.flatMap(({ plain, parameters }, at) => {
    const policy = references[at] ?? {};
    const parameter = parameters.map(({ name, kind, text }) =>
      kind === 'string' ? { name, valueString: text } : { name, valueReference: { reference: text } },
    );
    return plain ? [] : [{ policy, ...(parameter.length > 0 ? { parameter } : {}) }];
  });
  const membership: JsonObject = {
    resourceType: 'ProjectMembership',
    id: 'm',
    user: { reference: 'User/u' },
    profile: { reference: member.profile },
    admin: member.admin,
    ...(first?.plain ? { accessPolicy: references[0] ?? {} } : {}),
    ...(access.length > 0 ? { access } : {}),
  };
  return { membership, policies, scope: ['openid', ...member.scopes.map(scopeText)].join(' ') };
}

function storedRule(rule: MadeRule): JsonObject {
  const { type, pairs, broken, interaction, hiddenFields, readonlyFields, constraintVariable } = rule;
  const criteria = broken ?? (pairs && `${type}?${pairs.map(pairText).join('&')}`);
  return {
    resourceType: type,
    ...(criteria === undefined ? {} : { criteria }),
    ...(interaction ? { interaction: [...interaction] } : {}),
    ...(rule.readonly ? { readonly: true } : {}),
    ...(hiddenFields ? { hiddenFields: [...hiddenFields] } : {}),
    ...(readonlyFields ? { readonlyFields: [...readonlyFields] } : {}),
    ...(constraintVariable
      ? { writeConstraint: [{ language: 'text/fhirpath', expression: `id != %${constraintVariable}` }] }
      : {}),
  };
}

const pairText = ({ code, modifier, prefix, alternatives }: MadePair): string =>
  `${code}${modifier ? `:${modifier}` : ''}=${prefix ?? ''}${alternatives.map((segments) => segments.map(segmentText).join('')).join(',')}`;

const segmentText = (segment: Segment): string =>
  typeof segment === 'string' ? segment : `%${segment.variable}${segment.idOnly ? '.id' : ''}`;

const scopeText = ({ level, type, letters, pairs, malformed }: MadeScope): string =>
  malformed ?? `${level}/${type}.${letters}${pairs ? `?${pairs.map(pairText).join('&')}` : ''}`;

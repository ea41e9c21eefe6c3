/**
 * Three judges of the same policies: the grants, the criteria that limit searches, and a slow reading of the rules that
 * works on plain JSON and shares no code with either. They must agree on every generated case.
 */
import { isJsonObject, type JsonObject, type JsonValue } from '#fhir';
import { matchesCriteria } from '#fhir-search';
import { runs, SeededRandom } from '#testing';
import { effectivePolicy, interactions, type Interaction } from '#access-policy';
import {
  aMember,
  aResource,
  projectId,
  storedMember,
  version,
  type MadeEntry,
  type MadeMember,
  type MadePair,
  type MadeRule,
  type MadeValue,
} from './generated-policies.js';

type Values = Readonly<Record<string, readonly MadeValue[]>>;

/** A copy of a rule with one value for each variable. */
interface Copy {
  readonly type: string;
  readonly wild: boolean;
  readonly interactions: readonly string[];
  readonly pairs: readonly MadePair[];
  readonly chosen: Readonly<Record<string, MadeValue>>;
  readonly hidden: readonly string[];
  readonly readonly: readonly string[];
  readonly constraints: readonly string[];
}

const letters: Record<string, string[]> = {
  c: ['create'],
  r: ['read', 'vread', 'history'],
  u: ['update'],
  d: ['delete'],
  s: ['search'],
};
const looking = ['read', 'search', 'vread', 'history'];

function literalCopies(member: MadeMember): Copy[] {
  const copies: Copy[] =
    member.entries.length === 0
      ? [plainCopy('*', [...interactions])]
      : member.entries.flatMap((entry) => entryCopies(entry, member.profile));
  const admin = ['Project', 'ProjectMembership', 'User', 'UserSecurityRequest'];
  const ordinary = copies.filter(({ type }) => !admin.includes(type));
  const all = member.admin ? [...adminCopies(), ...ordinary] : ordinary;
  const named = member.entries.flatMap(({ rules }) => rules ?? []).map(({ type }) => type);
  const schema = ['StructureDefinition', 'SearchParameter'].filter((type) => !named.includes(type));
  return [...scoped(all, member), ...schema.map((type) => plainCopy(type, looking))];
}

function plainCopy(type: string, allowed: readonly string[], more: Partial<Copy> = {}): Copy {
  return {
    type,
    wild: type === '*',
    interactions: allowed,
    pairs: [],
    chosen: {},
    hidden: [],
    readonly: [],
    constraints: [],
    ...more,
  };
}

function adminCopies(): Copy[] {
  const own: MadePair = { code: '_id', alternatives: [[projectId]] };
  return [
    plainCopy('Project', [...looking, 'update'], {
      pairs: [own],
      hidden: ['superAdmin', 'systemSecret', 'strictMode'],
      readonly: ['features', 'link', 'owner', 'systemSetting'],
    }),
    plainCopy('ProjectMembership', [...looking, 'update', 'delete'], { readonly: ['project', 'user'] }),
    ...['AccessPolicy', 'ClientApplication', 'Bot', 'Subscription'].map((type) => plainCopy(type, [...interactions])),
  ];
}

function entryCopies({ rules, parameters }: MadeEntry, profile: string): Copy[] {
  const own: MadeValue = { kind: 'reference', text: profile };
  const values: Record<string, MadeValue[]> = {};
  for (const { name, kind, text } of parameters) {
    const list = (values[name] ??= []);
    if (!list.some((other) => other.kind === kind && other.text === text)) list.push({ kind, text });
  }
  values['profile'] = [own];
  values['patient'] ??= [own];
  const copies: Copy[] = [];
  for (const rule of rules ?? []) {
    if (rule.broken !== undefined && rule.type !== 'CodeSet') continue;
    const made = ruleCopies(rule, values);
    if (made.length > 100) return [];
    copies.push(...made);
  }
  return copies;
}

function ruleCopies(rule: MadeRule, values: Values): Copy[] {
  const segments = (rule.pairs ?? []).flatMap(({ alternatives }) => alternatives.flat());
  const names = new Set(segments.flatMap((segment) => (typeof segment === 'string' ? [] : [segment.variable])));
  if (rule.constraintVariable !== undefined) names.add(rule.constraintVariable);
  let choices: Record<string, MadeValue>[] = [{}];
  for (const name of names)
    choices = choices.flatMap((choice) => (values[name] ?? []).map((value) => ({ ...choice, [name]: value })));
  const allowed = rule.interaction ?? (rule.readonly === true ? looking : [...interactions]);
  return choices.map((chosen) =>
    plainCopy(rule.type, allowed, {
      pairs: rule.pairs ?? [],
      chosen,
      hidden: rule.hiddenFields ?? [],
      readonly: rule.readonlyFields ?? [],
      constraints:
        rule.constraintVariable === undefined ? [] : [`id != ${quoted(chosen[rule.constraintVariable]?.text ?? '')}`],
    }),
  );
}

const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

function scoped(copies: readonly Copy[], { scopes, profile }: MadeMember): readonly Copy[] {
  if (scopes.length === 0) return copies;
  const patient = profile.startsWith('Patient/') ? profile : undefined;
  // The same scope twice is one scope.
  const different = [...new Map(scopes.map((scope) => [JSON.stringify(scope), scope])).values()];
  const good = different.filter(
    ({ malformed, level }) => malformed === undefined && (level !== 'patient' || patient !== undefined),
  );
  return copies.flatMap((copy) =>
    good.flatMap(({ type, level, letters: given, pairs }) => {
      if (type !== '*' && copy.type !== '*' && type !== copy.type) return [];
      const allowed = [...given].flatMap((letter) => letters[letter] ?? []);
      const chart: MadePair[] = level === 'patient' ? [{ code: '_compartment', alternatives: [[patient ?? '']] }] : [];
      return [
        {
          ...copy,
          type: copy.type === '*' ? type : copy.type,
          interactions: copy.interactions.filter((one) => allowed.includes(one)),
          pairs: [...copy.pairs, ...chart, ...(pairs ?? [])],
        },
      ];
    }),
  );
}

interface Verdict {
  readonly hidden: readonly string[];
  readonly readonly: readonly string[];
  readonly constraints: readonly string[];
}

function judge(copies: readonly Copy[], interaction: Interaction, resource: JsonObject): Verdict | undefined {
  const type = textOf(resource['resourceType']);
  if (['Login', 'JsonWebKey', 'DomainConfiguration'].includes(type)) return undefined;
  for (const copy of copies) {
    if (copy.type !== '*' && copy.type !== type) continue;
    if (!copy.interactions.includes(interaction)) continue;
    if (!copy.pairs.every((pair) => holds(pair, copy.chosen, resource))) continue;
    let { hidden } = copy;
    if (copy.wild) {
      if (['Project', 'ProjectMembership', 'User', 'UserSecurityRequest'].includes(type)) continue;
      if (['AccessPolicy', 'ClientApplication', 'Bot'].includes(type) && !['read', 'search'].includes(interaction))
        continue;
      if (type === 'Subscription') {
        if (interaction === 'vread' || interaction === 'history') continue;
        const isLooking = interaction === 'read' || interaction === 'search';
        if (!isLooking && isJsonObject(resource['channel']) && resource['channel']['header'] !== undefined) continue;
        if (isLooking) hidden = [...hidden, 'channel.header'];
      }
    }
    const isStored = interaction === 'create' || interaction === 'update';
    return { hidden, readonly: isStored ? copy.readonly : [], constraints: isStored ? copy.constraints : [] };
  }
  return undefined;
}

function holds(
  { code, modifier, prefix, alternatives }: MadePair,
  chosen: Copy['chosen'],
  resource: JsonObject,
): boolean {
  const wanted = alternatives.map((segments) =>
    segments
      .map((segment) => {
        if (typeof segment === 'string') return segment;
        const { text } = chosen[segment.variable] ?? { text: '' };
        return segment.idOnly ? text.slice(text.indexOf('/') + 1) : text;
      })
      .join(''),
  );
  if (modifier === 'missing') return (textsAt(resource, code).length === 0) === (wanted[0] === 'true');
  const found = wanted.some((text) => fits(code, prefix, text, resource));
  return modifier === 'not' ? !found : found;
}

function fits(code: string, prefix: MadePair['prefix'], text: string, resource: JsonObject): boolean {
  const values = textsAt(resource, code);
  switch (code) {
    case '_id':
      return values.some((id) => id === text || `${textOf(resource['resourceType'])}/${id}` === text);
    case '_compartment':
    case 'organization':
      return values.some((reference) => reference === text || reference.split('/')[1] === text);
    case '_lastUpdated':
    case 'birthdate':
      return values.some((date) => (prefix === 'ge' ? date.slice(0, 4) >= text : date.slice(0, 4) < text));
    case 'name':
      return values.some((name) => plain(name).startsWith(plain(text)));
    case '_tag':
    case 'identifier': {
      const bar = text.indexOf('|');
      return values.some((token) => (bar === -1 ? token.slice(token.indexOf('|') + 1) === text : token === text));
    }
    default:
      return values.includes(text);
  }
}

const plain = (text: string): string => text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();

/** What a search parameter is about, as texts; tokens with their system and a bar. */
function textsAt(resource: JsonObject, code: string): string[] {
  const meta = isJsonObject(resource['meta']) ? resource['meta'] : {};
  const token = ({ system, code: own, value }: JsonObject) => `${textOf(system ?? '')}|${textOf(own ?? value)}`;
  switch (code) {
    case '_id':
      return [textOf(resource['id'])];
    case '_lastUpdated':
      return [textOf(meta['lastUpdated'])];
    case '_tag':
      return objects(meta['tag']).map(token);
    case '_compartment':
      return objects(meta['compartment']).map(({ reference }) => textOf(reference));
    case 'organization':
      return objects(resource['managingOrganization']).map(({ reference }) => textOf(reference));
    case 'subject':
      return objects(resource['subject']).map(({ reference }) => textOf(reference));
    case 'identifier':
      return objects(resource['identifier']).map(token);
    case 'name':
      return objects(resource['name']).flatMap(({ family, given }) => [
        textOf(family),
        ...(Array.isArray(given) ? given.map(textOf) : []),
      ]);
    case 'birthdate':
      return textsOf(resource['birthDate']);
    default:
      return textsOf(resource[code]);
  }
}

const objects = (value: JsonValue | undefined): JsonObject[] =>
  [value].flat().filter((one) => isJsonObject(one ?? null)) as JsonObject[];
const textOf = (value: JsonValue | undefined): string =>
  typeof value === 'string' ? value : (JSON.stringify(value) ?? 'undefined');
const textsOf = (value: JsonValue | undefined): string[] => (value === undefined ? [] : [textOf(value)]);

const resourcesPerMember = 6;
const triples = runs({ sample: 4_000, deep: 50_000 });

test('the grants, the limits of searches and a literal reading of the rules agree on every resource', () => {
  const random = new SeededRandom(4_711);
  let granted = 0;
  for (let done = 0; done < triples; done += resourcesPerMember * interactions.length) {
    const member = aMember(random);
    const policy = effectivePolicy({ version, projectId, ...storedMember(member) });
    const copies = literalCopies(member);
    for (let at = 0; at < resourcesPerMember; at++) {
      const value = aResource(random);
      const type = textOf(value['resourceType']);
      for (const interaction of interactions) {
        const verdict = judge(copies, interaction, value);
        const grant = policy.grantFor(interaction, { type, value });
        const about = () => ({ interaction, value, ...storedMember(member) });
        const found = grant && {
          hidden: grant.hiddenFields,
          readonly: grant.readonlyFields,
          constraints: grant.writeConstraints,
        };
        expect({ verdict: found, about: about() }).toEqual({ verdict, about: about() });

        const limits = policy.limits(interaction, type);
        const isWithin = limits !== undefined && matchesCriteria(version, limits, value);
        // What a Subscription sends along is no criterion; it only narrows what may be written.
        if (type !== 'Subscription')
          expect({ isWithin, about: about() }).toEqual({ isWithin: verdict !== undefined, about: about() });
        else if (verdict !== undefined)
          expect({ isWithin, about: about() }).toEqual({ isWithin: true, about: about() });

        if (verdict !== undefined) {
          granted++;
          expect(policy.grants(interaction, type)).toBe(true);
          expect(policy.hiddenFieldsOf(interaction, type)).toEqual(expect.arrayContaining([...verdict.hidden]));
        }
        if (policy.grantsFully(interaction, type)) {
          expect({ verdict, about: about() }).toEqual({
            verdict: { hidden: [], readonly: [], constraints: [] },
            about: about(),
          });
        }
      }
    }
  }
  // Both answers occur often, or the agreement would say little.
  expect(granted).toBeGreaterThan(triples / 10);
  expect(granted).toBeLessThan((triples * 9) / 10);
});

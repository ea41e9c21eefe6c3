/**
 * What an AccessPolicy grants, read from its JSON as a person would read it: rule by rule, variables replaced, criteria
 * compared with the resource. It shares nothing with the server, is slow, and knows only what the policies of the
 * documentation use.
 */
import fhirpath from 'fhirpath';
import r4 from 'fhirpath/fhir-context/r4';

export const interactions = ['read', 'search', 'vread', 'history', 'create', 'update', 'delete'] as const;
export type Interaction = (typeof interactions)[number];

/** A resource with `meta` as an administrator sees it in extended mode. */
export interface Resource {
  readonly resourceType: string;
  readonly id: string;
  readonly meta?: {
    readonly accounts?: readonly Reference[];
    readonly compartment?: readonly Reference[];
    readonly tag?: readonly Coding[];
    readonly versionId?: string;
  };
  readonly [member: string]: unknown;
}

interface Reference {
  readonly reference: string;
}

interface Coding {
  readonly system?: string;
  readonly code?: string;
}

interface PolicyRule {
  readonly resourceType: string;
  readonly criteria?: string;
  readonly interaction?: readonly string[];
  readonly readonly?: boolean;
  readonly hiddenFields?: readonly string[];
  readonly readonlyFields?: readonly string[];
  readonly writeConstraint?: readonly { readonly expression: string }[];
}

export interface Policy {
  readonly name: string;
  readonly compartment?: Reference;
  readonly resource: readonly PolicyRule[];
}

/** Somebody with a policy: what its variables stand for, `profile` and `patient` among them. */
export interface Member {
  readonly policy: Policy;
  readonly variables: Readonly<Record<string, readonly string[]>>;
}

/** All resources of the project that others may refer to, by `Type/id`. */
export type World = ReadonlyMap<string, Resource>;

const neverInProject = new Set('Login JsonWebKey DomainConfiguration'.split(' '));
const administrators = new Set('Project ProjectMembership User UserSecurityRequest'.split(' '));
const control = new Set('AccessPolicy ClientApplication Bot SmartAppLaunch Subscription'.split(' '));

/** Whether the member may do `interaction`: on the resource as it is stored, or with it as a body for a new one. */
export function isGranted(member: Member, world: World, interaction: Interaction, stored: Resource): boolean {
  if (!isContextReadable(member, world, stored)) return false;
  if (interaction === 'create') return isWritable(member, world, interaction, undefined, filed(member, world, stored));
  const rule = firstRule(member, interaction, stored);
  if (interaction !== 'update') return rule !== undefined;
  return rule !== undefined && isWritable(member, world, interaction, stored, stored);
}

/** The first rule that grants the interaction on the resource. */
export function firstRule(member: Member, interaction: Interaction, resource: Resource): PolicyRule | undefined {
  return rulesOf(member).find((rule) => concerns(rule, resource.resourceType, interaction) && matches(rule, resource));
}

/** Whether some rule grants the interaction on resources of the type at all. */
export const namesType = (member: Member, interaction: Interaction, type: string): boolean =>
  rulesOf(member).some((rule) => concerns(rule, type, interaction));

function concerns(rule: PolicyRule, type: string, interaction: Interaction): boolean {
  const { resourceType, interaction: listed, readonly } = rule;
  if (neverInProject.has(type) || administrators.has(type)) return false;
  if (resourceType === '*' && control.has(type) && interaction !== 'read' && interaction !== 'search') return false;
  if (resourceType !== '*' && resourceType !== type) return false;
  const looking = ['read', 'search', 'vread', 'history'];
  return listed?.includes(interaction) ?? (readonly !== true || looking.includes(interaction));
}

/** The rules with their variables filled in: one copy for each combination of values, none where a value is missing. */
function rulesOf({ policy, variables }: Member): PolicyRule[] {
  return policy.resource.flatMap((rule) => {
    const texts = [rule.criteria ?? '', ...(rule.writeConstraint ?? []).map(({ expression }) => expression)];
    const names = new Set(texts.flatMap((text) => [...text.matchAll(/%(\w+)/g)].map(([, name = '']) => name)));
    names.delete('before');
    let copies: PolicyRule[] = [rule];
    for (const name of names) {
      copies = copies.flatMap((copy) => (variables[name] ?? []).map((value) => filledIn(copy, name, value)));
    }
    return copies;
  });
}

function filledIn(rule: PolicyRule, name: string, value: string): PolicyRule {
  const variable = new RegExp(`%${name}(?!\\w)`, 'g');
  return {
    ...rule,
    ...(rule.criteria === undefined ? {} : { criteria: rule.criteria.replace(variable, value) }),
    ...(rule.writeConstraint === undefined
      ? {}
      : {
          writeConstraint: rule.writeConstraint.map(({ expression }) => ({
            expression: expression.replace(variable, `'${value}'`),
          })),
        }),
  };
}

function matches({ criteria }: PolicyRule, resource: Resource): boolean {
  if (criteria === undefined) return true;
  const [, query = ''] = criteria.split('?');
  return query.split('&').every((pair) => {
    const [name = '', value = ''] = pair.split('=');
    const found = valuesOf(name, resource);
    return value.split(',').some((one) => found.includes(one));
  });
}

/** The texts by which the resource is found under a search parameter. */
function valuesOf(name: string, resource: Resource): string[] {
  switch (name) {
    case '_id':
      return [resource.id, `${resource.resourceType}/${resource.id}`];
    case '_compartment':
      return (resource.meta?.compartment ?? []).map(({ reference }) => reference);
    case '_tag':
      return (resource.meta?.tag ?? []).map(({ system, code }) => `${system}|${code}`);
    case 'status':
      return [String(resource['status'])];
    case 'category':
    case 'clinical-status':
      return membersAt(resource, name === 'category' ? 'category.coding.code' : 'clinicalStatus.coding.code');
    default: {
      const paths = referencePaths[`${resource.resourceType} ${name}`];
      if (paths === undefined) throw new Error(`the reading does not know ${name} of ${resource.resourceType}`);
      // A reference to a version is one to its resource.
      return paths
        .flatMap((path) => membersAt(resource, `${path}.reference`))
        .map((text) => text.replace(/\/_history\/.*/, ''));
    }
  }
}

const referencePaths: Readonly<Record<string, readonly string[]>> = {
  'AuditEvent patient': ['entity.what', 'agent.who'],
  'CareTeam participant': ['participant.member'],
  'Communication sender': ['sender'],
  'Communication subject': ['subject'],
  'Location organization': ['managingOrganization'],
  'Patient general-practitioner': ['generalPractitioner'],
  'PractitionerRole organization': ['organization'],
  'QuestionnaireResponse source': ['source'],
  'QuestionnaireResponse subject': ['subject'],
  'Task owner': ['owner'],
};

/** The texts at a path, through all lists on the way. */
export function membersAt(value: unknown, path: string): string[] {
  let found: unknown[] = [value];
  for (const name of path.split('.')) {
    found = found
      .flatMap((one) => (typeof one === 'object' && one !== null ? (one as Record<string, unknown>)[name] : undefined))
      .filter((one) => one !== undefined);
  }
  return found.map((one) => (typeof one === 'string' ? one : JSON.stringify(one)));
}

/** The resource as it would be if the member had made it: under the account of the policy and those of its patients. */
function filed({ policy, variables }: Member, world: World, resource: Resource): Resource {
  const name = policy.compartment?.reference.slice(1);
  const [own] = name === undefined ? [] : (variables[name] ?? []);
  const patients = patientsOf(resource);
  const inherited =
    resource.resourceType === 'Patient' ? [] : patients.flatMap((patient) => accountsOf(world, patient));
  const compartment = [...(own === undefined ? [] : [own]), ...inherited, ...patients];
  return { ...resource, meta: { ...resource.meta, compartment: compartment.map((reference) => ({ reference })) } };
}

const accountsOf = (world: World, patient: string): string[] =>
  (world.get(patient)?.meta?.accounts ?? []).map(({ reference }) => reference);

/** The patients in whose charts a resource is. */
const patientsOf = ({ resourceType, meta }: Resource): string[] =>
  resourceType === 'Patient'
    ? []
    : (meta?.compartment ?? []).map(({ reference }) => reference).filter((text) => text.startsWith('Patient/'));

function isWritable(
  member: Member,
  world: World,
  interaction: 'create' | 'update',
  before: Resource | undefined,
  after: Resource,
): boolean {
  const rule = firstRule(member, interaction, after);
  if (rule === undefined || entersForeignChart(member, world, after)) return false;
  return (rule.writeConstraint ?? []).every(({ expression }) => {
    const result: unknown = fhirpath.evaluate(after, expression, { before: before ?? [] }, r4);
    return Array.isArray(result) && result.length === 1 && result[0] === true;
  });
}

/** Whoever may read some patients writes about those only; whoever has no rule about patients is not asked. */
function entersForeignChart(member: Member, world: World, after: Resource): boolean {
  if (!namesType(member, 'read', 'Patient')) return false;
  return patientsOf(after).some((reference) => {
    const patient = world.get(reference);
    return patient === undefined || firstRule(member, 'read', patient) === undefined;
  });
}

/** A Binary that says whose it is is for those who may read that. */
function isContextReadable(member: Member, world: World, resource: Resource): boolean {
  if (resource.resourceType !== 'Binary') return true;
  const [reference] = membersAt(resource, 'securityContext.reference');
  if (reference === undefined) return true;
  const context = world.get(reference);
  return context !== undefined && firstRule(member, 'read', context) !== undefined;
}

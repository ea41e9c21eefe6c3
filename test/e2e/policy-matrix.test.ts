/**
 * The policies of docs/security/access-policies, held to what they say: for each of them a member, and for each member
 * every interaction with the own and with somebody else's resource of every type, over HTTP. What is expected comes from
 * a literal reading of the JSON.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { policyIssues } from '#access-policy';
import type { JsonObject } from '#fhir';
import { aDatabase, type CreatedProject, expectStatus, type RunningPlatform, startPlatform } from '#testing';
import {
  firstRule,
  interactions,
  isGranted,
  membersAt,
  namesType,
  type Interaction,
  type Resource,
} from './policy-matrix/literal-reading.js';
import { closePage, openPage } from './page.js';
import { memberToken } from './policy-matrix/member-token.js';
import { policyFolder, type Role, type RoleName, roleNamed, roleNames } from './policy-matrix/roles.js';
import { type Place, places, samplesOf, type Sample } from './policy-matrix/samples.js';
import { hasInteraction, matrixPage, type RoleSamples, rowName } from './policy-matrix/table.js';

let platform: RunningPlatform;
let project: CreatedProject;
let admin: string;
const members = new Map<RoleName, Member>();

/** A role in the project, with its resources as they are stored. */
interface Member {
  readonly role: Role;
  readonly token: string;
  readonly samples: RoleSamples;
  readonly world: ReadonlyMap<string, Resource>;
}

interface Answer {
  readonly status: number;
  readonly body: JsonObject | undefined;
}

async function call(token: string, method: string, path: string, body?: unknown, type = 'fhir+json'): Promise<Answer> {
  const response = await fetch(`${project.baseUrl}fhir/R4${path === '' ? '' : '/'}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      accept: 'application/fhir+json',
      'x-medplum': 'extended',
      ...(body === undefined ? {} : { 'content-type': `application/${type}` }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text.startsWith('{') ? (JSON.parse(text) as JsonObject) : undefined };
}

/** Stores the resources of one place, and returns them as an administrator sees them. */
async function store(samples: readonly Sample[]): Promise<Sample[]> {
  const entry = samples.map(({ type, resource }) => ({
    resource,
    request: { method: 'PUT', url: `${type}/${resource.id}` },
  }));
  const answer = await call(admin, 'POST', '', { resourceType: 'Bundle', type: 'transaction', entry });
  expect([answer.status, JSON.stringify(answer.body?.['issue'])]).toEqual([200, undefined]);
  const stored = answer.body?.['entry'] as { resource: Resource }[];
  return samples.map((sample, position) => ({ ...sample, resource: stored[position]?.resource as Resource }));
}

async function enter(name: RoleName): Promise<Member> {
  const role = await roleNamed(name);
  const own = await store(samplesOf(name, 'own'));
  const foreign = await store(samplesOf(name, 'foreign'));
  const world = new Map([...own, ...foreign].map(({ type, resource }) => [`${type}/${resource.id}`, resource]));
  const policy = await call(admin, 'POST', 'AccessPolicy', role.policy);
  expect(policy.status).toBe(201);
  const access = [
    { policy: { reference: `AccessPolicy/${policy.body?.['id'] as string}` }, parameter: role.parameter },
  ];
  const token = await memberToken(project, admin, { name, profile: role.profile, access });
  return { role, token, samples: { own, foreign }, world };
}

beforeAll(async () => {
  openPage();
  platform = await startPlatform({ databaseUrl: (await aDatabase()).url });
  project = await platform.createProject('matrix');
  admin = await platform.clientToken(project);
  for (const name of roleNames) members.set(name, await enter(name));
}, 180_000);

afterAll(closePage);
afterAll(() => platform?.stop());

function memberOf(name: RoleName): Member {
  const member = members.get(name);
  if (member === undefined) throw new Error(`nobody is ${name}`);
  return member;
}

/** The status of each interaction with a resource, in an order in which none spoils the next. */
const requests: Readonly<Record<Interaction, (token: string, sample: Sample) => Promise<Answer>>> = {
  search: (token, { type, resource }) => call(token, 'GET', `${type}?_id=${resource.id}&_total=accurate`),
  read: (token, { type, resource }) => call(token, 'GET', `${type}/${resource.id}`),
  vread: (token, { type, resource }) =>
    call(token, 'GET', `${type}/${resource.id}/_history/${resource.meta?.versionId}`),
  history: (token, { type, resource }) => call(token, 'GET', `${type}/${resource.id}/_history`),
  update: (token, { type, resource }) => call(token, 'PUT', `${type}/${resource.id}`, { ...resource, language: 'en' }),
  create: (token, { type, resource }) => call(token, 'POST', type, resource),
  delete: (token, { type, resource }) => call(token, 'DELETE', `${type}/${resource.id}`),
};

const patch = (token: string, { type, resource }: Sample): Promise<Answer> =>
  call(token, 'PATCH', `${type}/${resource.id}`, [{ op: 'add', path: '/language', value: 'de' }], 'json-patch+json');

const order = ['search', 'read', 'vread', 'history', 'update', 'create', 'delete'] as const;
const granted: Readonly<Record<Interaction, number>> = {
  search: 200,
  read: 200,
  vread: 200,
  history: 200,
  update: 200,
  create: 201,
  delete: 200,
};

/** What the server answers otherwise than the reading says, for all interactions with one resource. */
async function differences({ role, token, world }: Member, place: Place, sample: Sample): Promise<string[]> {
  const found: string[] = [];
  const { type, resource } = sample;
  for (const interaction of order.filter((one) => hasInteraction(type, one))) {
    const may = isGranted(role, world, interaction, resource);
    const leavesOut = interaction === 'search' && namesType(role, 'search', type);
    const expected = may || leavesOut ? granted[interaction] : 403;
    const tell = (what: string) => found.push(`${rowName(sample)}, ${place}: ${interaction} ${what}`);
    const first = await requests[interaction](token, sample);
    const answers: [Answer, number][] = [[first, expected]];
    if (interaction === 'update') {
      // Whether a patch can be applied tells what is stored.
      const mayPatch = may && isGranted(role, world, 'read', resource);
      answers.push([await patch(token, sample), mayPatch ? granted.update : 403]);
    }
    for (const [{ status, body }, wanted] of answers) {
      if (status !== wanted) tell(`is answered ${status} instead of ${wanted} (${JSON.stringify(body)})`);
      if (status === 403 && body?.['id'] !== 'forbidden') tell('is refused without saying so');
    }
    const total = first.body?.['total'];
    if (interaction === 'search' && expected === 200 && total !== (may ? 1 : 0)) tell(`finds ${JSON.stringify(total)}`);
    if (may && (interaction === 'read' || interaction === 'search')) {
      const shown = interaction === 'read' ? first.body : firstMatch(first.body);
      const hidden = firstRule(role, interaction, resource)?.hiddenFields ?? [];
      for (const path of hidden.filter((one) => membersAt(shown, one).length > 0)) tell(`shows ${path}`);
    }
  }
  return found;
}

const firstMatch = (bundle: JsonObject | undefined): unknown =>
  (bundle?.['entry'] as { resource: unknown }[] | undefined)?.[0]?.resource;

/** What a search of the type finds. The server's own AuditEvents arrive between a count and its page: then it asks again. */
async function everything(token: string, type: string) {
  for (;;) {
    const { status, body } = await call(token, 'GET', `${type}?_count=1000&_total=accurate`);
    const entries = (body?.['entry'] ?? []) as { resource: Resource }[];
    const total = Math.min(body?.['total'] as number, 1000);
    if (type !== 'AuditEvent' || status !== 200 || total === entries.length) return { status, total, entries };
  }
}

describe.each(roleNames)('the policy %s', (name) => {
  test('is one that a strict project takes, every rule of which can grant something', async () => {
    const { role, token } = memberOf(name);
    expect(policyIssues(role.policy as unknown as JsonObject)).toEqual([]);
    const response = await fetch(`${project.baseUrl}auth/me`, { headers: { authorization: `Bearer ${token}` } });
    const me = (await expectStatus(response, 200)) as { accessPolicy: { resource: { resourceType: string }[] } };
    const types = new Set(me.accessPolicy.resource.map(({ resourceType }) => resourceType));
    expect([...types]).toEqual(expect.arrayContaining(role.policy.resource.map(({ resourceType }) => resourceType)));
  });

  test('grants and denies over HTTP what its text says, and denies with 403', async () => {
    const member = memberOf(name);
    const found: string[] = [];
    for (const place of places) {
      for (const sample of member.samples[place]) {
        const isNamed = interactions.some((interaction) => namesType(member.role, interaction, sample.type));
        // What no rule names is refused before anybody asks whose it is, so that one of both will do.
        if (isNamed || place === 'own') found.push(...(await differences(member, place, sample)));
      }
    }
    expect(found).toEqual([]);
  }, 180_000);

  test('finds nothing else when a search asks for everything', async () => {
    const { role, token, samples } = memberOf(name);
    const types = new Set(samples.own.map(({ type }) => type).filter((type) => hasInteraction(type, 'search')));
    const found: Resource[] = [];
    for (const type of [...types].filter((one) => namesType(role, 'search', one))) {
      const { status, total, entries } = await everything(token, type);
      expect([type, status, total]).toEqual([type, 200, entries.length]);
      found.push(...entries.map(({ resource }) => resource));
    }
    expect(found.length).toBeGreaterThan(2);
    const denied = found.filter((resource) => firstRule(role, 'search', resource) === undefined);
    expect(denied).toEqual([]);
  });

  test('keeps everybody in it from what belongs to the administration', async () => {
    const { token } = memberOf(name);
    const statuses: number[] = [];
    for (const type of ['Project', 'ProjectMembership', 'User', 'Login']) {
      statuses.push((await call(token, 'GET', type)).status);
      statuses.push((await call(token, 'GET', `${type}/${project.id}`)).status);
      statuses.push((await call(token, 'PUT', `${type}/${project.id}`, { resourceType: type, id: project.id })).status);
      statuses.push((await call(token, 'DELETE', `${type}/${project.id}`)).status);
    }
    expect(new Set(statuses)).toEqual(new Set([403]));
  });
});

test.each<[RoleName, object]>([
  ['patient-portal', { generalPractitioner: [{ reference: 'Practitioner/somebody' }], name: [{ text: 'Somebody' }] }],
  ['clinician-by-organization', { managingOrganization: { reference: 'Organization/elsewhere' } }],
  ['clinician-by-assignment', { generalPractitioner: [{ reference: 'Practitioner/somebody' }] }],
  ['mso', { managingOrganization: { reference: 'Organization/elsewhere' } }],
])('%s: what is readonly keeps its value, and the rest is written', async (name, changes) => {
  const { samples, token } = memberOf(name);
  const patient = samples.own.find(({ type }) => type === 'Patient')?.resource as Resource;
  const telecom = [{ system: 'phone', value: '555-0100' }];
  const answer = await call(token, 'PUT', `Patient/${patient.id}`, { ...patient, ...changes, telecom });
  const kept = Object.keys(changes).map((member) => [member, patient[member]]);
  expect(answer).toMatchObject({ status: 200, body: { telecom, ...Object.fromEntries(kept) } });
});

test('a program that sees no names is told none by what a patient has written', async () => {
  const { samples, token } = memberOf('patient-portal');
  const { id, ...patient } = samples.own.find(({ type }) => type === 'Patient')?.resource as Resource;
  const author = { reference: `Patient/${id}` };
  const written = await call(token, 'PUT', `Patient/${id}`, { ...patient, id, language: 'fr' });
  expect(written).toMatchObject({ status: 200, body: { name: [{ text: 'Pat Doe' }], meta: { author } } });
  const seen = await call(memberOf('backend-service').token, 'GET', `Patient/${id}`);
  expect(seen).toMatchObject({ status: 200, body: { language: 'fr' } });
  expect((seen.body?.['meta'] as JsonObject)['author']).toEqual(author);
  expect(JSON.stringify(seen.body)).not.toContain('Doe');
});

test('the page of the documentation is what the policies say', async () => {
  const page = matrixPage([...members.values()]);
  const path = `${policyFolder}/matrix.md`;
  if (process.env['BOXYARD_WRITE_DOCS'] === '1') await writeFile(path, page);
  expect(await readFile(path, 'utf8')).toBe(page);
});

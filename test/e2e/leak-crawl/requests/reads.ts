/** Reads by identity: versions, histories, operations on one resource, files. */
import { identityOf } from '../../../conformance/identity.js';
import { closedTypes, partialTypes } from '../policies.js';
import type { Probe } from '../probe.js';
import type { World } from '../world.js';
import type { Declared } from './declared.js';

const get = (family: string, path: string, more: Partial<Probe> = {}): Probe => ({
  family,
  path: `fhir/R4/${path}`,
  ...more,
});

/** What is said of a resource that the policy does not grant: never that it is not there. */
const refused = { expect: [403] } as const;

/** Every resource and every version of the other side, current, old and deleted; with tags of versions as well. */
export function instanceReads({ theirs }: Declared, { theirVersions, sides }: World): Probe[] {
  return [...theirs, ...sides.theirsDeleted].flatMap((resource) => {
    const { address } = identityOf(resource);
    return [
      get('read', address, refused),
      get('read', address, { ...refused, headers: { 'if-none-match': 'W/"1"' } }),
      get('read', address, { ...refused, method: 'HEAD' }),
      get('history', `${address}/_history`, refused),
      ...(theirVersions.get(address) ?? []).map((version) => get('vread', `${address}/_history/${version}`, refused)),
    ];
  });
}

/** Histories of everything, of every type and of the crawler's own resources, to their last page. */
export function histories({ types, ours }: Declared): Probe[] {
  return [
    get('history', '_history?_count=20', { pages: true }),
    get('history', '_history?_count=1000'),
    get('history', '_history?_since=2000-01-01T00:00:00Z&_count=50', { pages: true }),
    get('history', '_history?_sort=_lastUpdated&_count=50', { pages: true }),
    ...types.flatMap(({ type }) => [
      get('history', `${type}/_history?_count=2`, { pages: true }),
      get('history', `${type}/_history?_sort=_lastUpdated`),
    ]),
    ...ours.map((resource) => get('history', `${identityOf(resource).address}/_history`)),
  ];
}

/** Old versions of the crawler's own resources, with whatever is hidden in them. The numbers are those of one project. */
export function ownVersions(versions: ReadonlyMap<string, readonly string[]>): Probe[] {
  return [...versions].flatMap(([address, numbers]) => {
    const [type = '', id] = address.split('/');
    // Of organizations only the own one is granted.
    const isOwn = type !== 'Organization' || id === 'ours-organization-1';
    const isSeen = isOwn && address !== 'Location/ours-location-2' && isGranted(type, 'vread');
    const expect = isSeen ? [200] : [403];
    return numbers.map((version) => get('old-version', `${address}/_history/${version}`, { expect }));
  });
}

function isGranted(type: string, interaction: string): boolean {
  return !closedTypes.includes(type) && (partialTypes[type]?.includes(interaction) ?? true);
}

/** Operations and files, of the other side and of the crawler. */
export function operations({ types, theirs, ours, random }: Declared): Probe[] {
  const theirPatients = theirs.filter(({ resourceType }) => resourceType === 'Patient').map(identityOf);
  const ourPatients = ours.filter(({ resourceType }) => resourceType === 'Patient').map(identityOf);
  const json = { headers: { accept: 'application/fhir+json' } };
  const someTheirs = theirs.map(identityOf).filter(({ type }) => type !== 'Binary' && random.chance(0.3));
  const parameters = (body: object): Partial<Probe> => ({ method: 'POST', body: JSON.stringify(body) });
  const account = { reference: 'Organization/ours-organization-1' };
  const setAccounts = parameters({
    resourceType: 'Parameters',
    parameter: [
      { name: 'accounts', valueReference: account },
      { name: 'propagate', valueBoolean: true },
    ],
  });
  const tag = { system: 'http://tags.example', code: 'taken' };
  const meta = parameters({ resourceType: 'Parameters', parameter: [{ name: 'meta', valueMeta: { tag: [tag] } }] });
  return [
    ...theirPatients.flatMap(({ address }) => [
      get('everything', `${address}/$everything`, refused),
      get('everything', `${address}/$everything?_type=Observation&_count=1`, refused),
    ]),
    ...ourPatients.flatMap(({ address }) => [
      get('everything', `${address}/$everything`, { pages: true }),
      get('everything', `${address}/$everything?_count=3`, { pages: true }),
      get('everything', `${address}/$everything?_since=2000-01-01T00:00:00Z`, { pages: true }),
      ...types.map(({ type }) => get('everything', `${address}/$everything?_type=${type}`)),
    ]),
    get('everything', 'Patient/$everything', { pages: true }),
    ...someTheirs.flatMap(({ address, type }) => [
      get('operation', `${address}/$meta`, refused),
      get('operation', `${address}/$meta-add`, { ...refused, ...meta }),
      get('operation', `${address}/$meta-delete`, { ...refused, ...meta }),
      get('operation', `${address}/$set-accounts`, { ...refused, ...setAccounts }),
      get('operation', `${address}/$expunge`, { ...refused, method: 'POST' }),
      get('operation', `${address}/$validate`, { namesTheirs: true }),
      get('operation', `${address}/$graphql?query=${encodeURIComponent('{id meta{tag{code}}}')}`, {
        namesTheirs: true,
      }),
      get('operation', `${type}/$validate`, parameters({ resourceType: type, id: address.split('/')[1] })),
    ]),
    ...[...ourPatients, ...theirPatients].flatMap(({ address }) => [
      get('operation', `${address}/$set-accounts`, { ...setAccounts, expect: [403] }),
      get('operation', `${address}/$expunge`, { method: 'POST', expect: [403] }),
      get('operation', `${address}/$expunge?everything=true`, { method: 'POST', expect: [403] }),
    ]),
    ...types.map(({ type }) => get('operation', `${type}/$meta`)),
    get('operation', '$meta'),
    get('binary', 'Binary/far-file', refused),
    get('binary', 'Binary/far-file', { ...refused, ...json }),
    get('binary', 'Binary/far-file/_history', refused),
    get('binary', 'Binary/_history'),
    get('binary', 'Binary/ours-file', { expect: [200] }),
    get('binary', 'Binary/ours-file', json),
    get('binary', 'Binary/far-file', { ...refused, method: 'PUT', ...rawFile('mine now') }),
    get('binary', 'Binary/ours-file', { ...refused, method: 'PUT', ...rawFile('yours now', 'Patient/far-patient-1') }),
    get('binary', 'Binary', { ...refused, method: 'POST', ...rawFile('for them', 'Patient/far-patient-1') }),
    get('binary', 'Binary', { expect: [400] }),
  ];
}

const rawFile = (body: string, context?: string): Partial<Probe> => ({
  body,
  headers: { 'content-type': 'text/plain', ...(context === undefined ? {} : { 'x-security-context': context }) },
});

/** Administration, identity and what needs no log-in at all. */
export function otherRoutes(memberships: readonly string[]): Probe[] {
  const post = (path: string, body: object, more: Partial<Probe> = {}): Probe => ({
    family: 'admin-write',
    path,
    method: 'POST',
    body: JSON.stringify(body),
    expect: [403],
    ...more,
  });
  const route = (path: string, more: Partial<Probe> = {}): Probe => ({ family: 'admin', path, expect: [403], ...more });
  const person = { resourceType: 'Practitioner', firstName: 'M', lastName: 'N', email: 'm@crawl.example' };
  const onBehalf = (of: string): Partial<Probe> => ({ headers: { 'x-medplum-on-behalf-of': of } });
  return [
    route('admin/projects/{project}'),
    post('admin/projects/{project}/invite', person),
    post('admin/invite', person),
    post('admin/projects/{project}/client', { name: 'x' }),
    post('admin/projects/{project}/bot', { name: 'x' }),
    post('admin/projects/{project}/secrets', []),
    post('admin/projects/{project}/sites', []),
    post('admin/projects/setpassword', { email: 'member@crawl.example', password: 'taken-over' }),
    ...memberships.flatMap((id) => [
      route(`admin/projects/{project}/members/${id}`),
      post(`admin/projects/{project}/members/${id}`, { resourceType: 'ProjectMembership', id, admin: true }),
      route(`admin/projects/{project}/members/${id}`, { family: 'admin-write', method: 'DELETE' }),
      route('fhir/R4/Patient', onBehalf(`ProjectMembership/${id}`)),
      route(`fhir/R4/ProjectMembership/${id}`),
    ]),
    route('fhir/R4/Patient', onBehalf('Practitioner/far-practitioner-1')),
    ...['ProjectMembership', 'User', 'Project', 'AccessPolicy', 'ClientApplication', 'Login', 'AuditEvent'].flatMap(
      (type) => [route(`fhir/R4/${type}`), route(`fhir/R4/${type}/_history`)],
    ),
    { family: 'auth', path: 'auth/me' },
    { family: 'auth', path: 'auth/tenants' },
    { family: 'auth', path: 'oauth2/userinfo' },
    { family: 'auth', path: 'fhir/R4/Patient', as: 'nobody', expect: [401] },
    { family: 'auth', path: 'fhir/R4/Patient/far-patient-1', as: 'nobody', expect: [401] },
    { family: 'auth', path: 'fhir/R4/metadata', as: 'nobody' },
    { family: 'auth', path: '.well-known/smart-configuration', as: 'nobody' },
  ];
}

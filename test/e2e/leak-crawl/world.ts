/**
 * Two projects with the same members and the same resources of one organization. In the first there is another
 * organization besides; in the second there is not. Whatever the first answers to a member of the one organization must
 * be what the second answers.
 */
import { createHash, randomBytes } from 'node:crypto';
import { fhirVersion, type FhirVersion, type JsonObject } from '#fhir';
import { compiledSql, connectOnce, type OwnedConnection } from '#postgres';
import type { CreatedProject, RunningPlatform } from '#testing';
import { identityOf } from '../../conformance/identity.js';
import { marks } from './canaries.js';
import { send, type Answer, type Call } from './http.js';
import { clinicPolicy } from './policies.js';
import { ours, samplesOfSides, theirs, type Sides } from './samples-of-sides.js';

/** One project, reached through one data plane. */
export interface Place {
  /** Of its version of FHIR. */
  readonly label: string;
  readonly base: string;
  readonly projectId: string;
  readonly slug: string;
  readonly adminToken: string;
  /** Of the member of the organization that crawls. */
  readonly memberToken: string;
  /** Of a member of the other organization, with the same policy. */
  readonly theirToken: string;
  /** Who that is: the profile, of which the crawler must not know the name. */
  readonly theirProfile: string;
}

export interface World {
  readonly version: FhirVersion;
  readonly sides: Sides;
  readonly types: readonly string[];
  /** By `Type/id`, the numbers of all versions that the other organization's resources have. */
  readonly theirVersions: ReadonlyMap<string, readonly string[]>;
  readonly full: ProjectOfWorld;
  readonly alone: ProjectOfWorld;
  close(): Promise<void>;
}

interface ProjectOfWorld {
  readonly project: CreatedProject;
  readonly database: OwnedConnection;
  /** Reaches the project through the data plane at `url`: logs in there. */
  at(url: string): Promise<Place>;
  /** The token of one more log-in of a member there; of one with these scopes only, if any are given. */
  readonly logIn: (url: string, email: string, scope?: string) => Promise<string>;
}

const fhirJson = { 'content-type': 'application/fhir+json' };
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const password = 'a-password-of-nobody';

/** As whom the member of the one organization logs in. */
export const crawler = { email: 'member@crawl.example', password } as const;
/** One of the other organization, and an administrator of the project whom a policy limits to the one organization. */
export const theirMember = 'other@crawl.example';
export const limitedAdmin = 'admin@crawl.example';

/** Makes both projects through the data plane at `url`, with resources of some types or of all. */
export async function makeWorld(
  platform: RunningPlatform,
  url: string,
  { all, name = 'crawl', label = 'R4' }: { all: boolean; name?: string; label?: string },
): Promise<World> {
  const version = fhirVersion(label);
  const sides = samplesOfSides(version, all);
  const types = [...new Set(sides.ours.map((resource) => identityOf(resource).type))].filter(
    (type) => type !== 'Binary',
  );
  const nameOfTheirs = `${marks.theirs}member`;
  const full = await makeProject(platform, url, `${name}-full`, { label, types, nameOfTheirs });
  const alone = await makeProject(platform, url, `${name}-alone`, { label, types, nameOfTheirs: 'Other' });
  const [fullPlace, alonePlace] = [await full.at(url), await alone.at(url)];

  await store(fullPlace, [...sides.theirs, ...sides.theirsDeleted]);
  for (const [place, resources] of [
    [fullPlace, sides.ours],
    [alonePlace, sides.oursOtherwiseHidden],
  ] as const) {
    await store(place, resources);
    await store(place, changed(resources, 'ours'));
  }
  await store(fullPlace, changed(sides.theirs, `${marks.theirs}later`));
  await store(fullPlace, [sides.theirLaunch]);
  for (const resource of sides.theirsDeleted) {
    await asAdmin(fullPlace, `fhir/R4/${identityOf(resource).address}`, { method: 'DELETE' });
  }
  return {
    version,
    sides,
    types,
    theirVersions: await versionsIn(full.database, [...sides.theirs, ...sides.theirsDeleted]),
    full,
    alone,
    close: async () => {
      await full.database.close();
      await alone.database.close();
    },
  };
}

async function makeProject(
  platform: RunningPlatform,
  url: string,
  slug: string,
  { label, types, nameOfTheirs }: { readonly label: string; readonly types: readonly string[]; nameOfTheirs: string },
): Promise<ProjectOfWorld> {
  const project = await platform.createProject(slug, { fhirVersion: label });
  const base = (plane: string) => `${plane}/p/${slug}/`;
  const adminToken = (plane: string) => platform.clientToken({ ...project, baseUrl: base(plane) });
  const admin = { label, base: base(url), adminToken: await adminToken(url) };
  const policy = await asAdmin(admin, 'fhir/R4/AccessPolicy', {
    method: 'POST',
    headers: fhirJson,
    body: JSON.stringify(clinicPolicy(types)),
  });
  const reference = `AccessPolicy/${(JSON.parse(policy.text) as { id: string }).id}`;
  const invite = async (email: string, lastName: string, organization: string, more: JsonObject = {}) => {
    const membership = await asAdmin(admin, `admin/projects/${project.id}/invite`, {
      method: 'POST',
      headers: fhirJson,
      body: JSON.stringify({
        ...{ resourceType: 'Practitioner', firstName: 'Cleo', lastName },
        ...{ email, password, sendEmail: false },
        membership: {
          ...more,
          access: [
            {
              policy: { reference },
              parameter: [{ name: 'organization', valueReference: { reference: organization } }],
            },
          ],
        },
      }),
    });
    return (JSON.parse(membership.text) as { profile: { reference: string } }).profile.reference;
  };
  await invite(crawler.email, 'Crawler', ours);
  await invite(limitedAdmin, 'Admin', ours, { admin: true });
  const theirProfile = await invite(theirMember, nameOfTheirs, theirs);
  return {
    project,
    database: await connectOnce(await tenantUrl(platform, project.id)),
    at: async (plane) => ({
      label,
      base: base(plane),
      projectId: project.id,
      slug,
      adminToken: await adminToken(plane),
      memberToken: await logIn(base(plane), crawler.email),
      theirToken: await logIn(base(plane), theirMember),
      theirProfile,
    }),
    logIn: (plane, email, scope) => logIn(base(plane), email, scope),
  };
}

async function logIn(base: string, email: string, scope = 'openid'): Promise<string> {
  const verifier = randomBytes(32).toString('base64url');
  const codeChallenge = createHash('sha256').update(verifier).digest('base64url');
  const login = await send(base, 'auth/login', {
    method: 'POST',
    headers: fhirJson,
    body: JSON.stringify({ email, password, scope, codeChallenge, codeChallengeMethod: 'S256' }),
  });
  const { code } = jsonOf<{ code: string }>(login);
  const tokens = await send(base, 'oauth2/token', {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ grant_type: 'authorization_code', code, code_verifier: verifier }).toString(),
  });
  return jsonOf<{ access_token: string }>(tokens).access_token;
}

/** What names the first version of FHIR in its addresses, as it is to be said to the place. */
export const inVersion = ({ label }: Pick<Place, 'label'>, text: string): string =>
  label === 'R4' ? text : text.replace(/fhir\/R4(?![0-9A-Z])/g, `fhir/${label}`);

/** Sends a request of the project's administrator; throws unless it succeeds. */
export async function asAdmin(
  { label, base, adminToken }: Pick<Place, 'label' | 'base' | 'adminToken'>,
  path: string,
  call: Call = {},
): Promise<Answer> {
  const headers = { ...bearer(adminToken), 'x-medplum': 'extended', ...call.headers };
  const answer = await send(base, inVersion({ label }, path), { ...call, headers });
  if (answer.status >= 300) throw new Error(`${call.method ?? 'GET'} ${path}: ${answer.status} ${answer.text}`);
  return answer;
}

const resourcesPerBundle = 20;

/** Stores the resources under their ids, a few at a time. */
export async function store(place: Place, resources: readonly JsonObject[]): Promise<void> {
  for (let at = 0; at < resources.length; at += resourcesPerBundle) {
    const entry = resources.slice(at, at + resourcesPerBundle).map((resource) => ({
      resource,
      request: { method: 'PUT', url: identityOf(resource).address },
    }));
    const body = JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry });
    await asAdmin(place, 'fhir/R4', { method: 'POST', headers: fhirJson, body });
  }
}

/** The same resources with another tag, so that there is a version before it. */
const changed = (resources: readonly JsonObject[], word: string): JsonObject[] =>
  resources.map((resource) => ({
    ...resource,
    meta: { ...(resource['meta'] as JsonObject), tag: [{ system: 'http://tags.example', code: word }] },
  }));

async function versionsIn(
  database: OwnedConnection,
  resources: readonly JsonObject[],
): Promise<Map<string, readonly string[]>> {
  const rows = await database.query<{ address: string; versions: string[] }>(
    compiledSql({
      text: `SELECT r.type || '/' || r.fhir_id AS address, array_agg(v.version::text ORDER BY v.version) AS versions
             FROM resource r CROSS JOIN LATERAL (
               SELECT r.version UNION ALL SELECT h.version FROM resource_history h WHERE h.resource_id = r.id
             ) v
             WHERE r.type || '/' || r.fhir_id = ANY ($1::text[]) GROUP BY 1`,
      values: [resources.map((resource) => identityOf(resource).address)],
    }),
  );
  return new Map(rows.map(({ address, versions }) => [address, versions]));
}

/** What the other organization has, all versions of it, as one number: equal before and after if nothing has changed. */
export async function fingerprint({ sides, full: { database } }: World): Promise<string> {
  const addresses = [...sides.theirs, ...sides.theirsDeleted].map((resource) => identityOf(resource).address);
  const [row] = await database.query<{ state: string }>(
    compiledSql({
      text: `SELECT md5(string_agg(s.line, ' ' ORDER BY s.line)) AS state FROM (
               SELECT concat_ws(' ', r.type, r.fhir_id, r.version, r.deleted, r.body, r.extended_meta) AS line
               FROM resource r WHERE r.type || '/' || r.fhir_id = ANY ($1::text[])
               UNION ALL
               SELECT concat_ws(' ', r.type, r.fhir_id, h.version, h.deleted, h.body, h.extended_meta)
               FROM resource r JOIN resource_history h ON h.resource_id = r.id
               WHERE r.type || '/' || r.fhir_id = ANY ($1::text[])
             ) s`,
      values: [addresses],
    }),
  );
  return row?.state ?? '';
}

/** Whether any resource has come to be filed under the other organization that was not put there by its administrator. */
export async function intruders({ sides, full: { database } }: World): Promise<string[]> {
  const addresses = [...sides.theirs, ...sides.theirsDeleted].map((resource) => identityOf(resource).address);
  const rows = await database.query<{ address: string }>(
    compiledSql({
      text: `SELECT r.type || '/' || r.fhir_id AS address FROM resource r
             WHERE r.extended_meta LIKE $2 AND NOT r.type || '/' || r.fhir_id = ANY ($1::text[])`,
      values: [addresses, `%"account":{"reference":"${theirs}"%`],
    }),
  );
  return rows.map(({ address }) => address);
}

async function tenantUrl(platform: RunningPlatform, projectId: string): Promise<string> {
  const control = await connectOnce(platform.databaseUrl);
  try {
    const [row] = await control.query<{ name: string }>(
      compiledSql({
        text: 'SELECT database_name AS name FROM tenant_database WHERE project_id = $1',
        values: [projectId],
      }),
    );
    const url = new URL(platform.databaseUrl);
    url.pathname = `/${row?.name ?? ''}`;
    return url.href;
  } finally {
    await control.close();
  }
}

function jsonOf<T>(answer: Answer): T {
  if (answer.status !== 200) throw new Error(`${answer.status} ${answer.text}`);
  return JSON.parse(answer.text) as T;
}

/** What one project must not learn of another: of the other's resources, tokens and administration. */
import type { JsonObject } from '#fhir';
import { isOf, marks, secretsIn, secretYears } from './canaries.js';
import { send, type Call } from './http.js';
import type { Leak } from './probe.js';
import type { Place } from './world.js';

interface ForeignProbe {
  readonly name: string;
  readonly base: string;
  readonly path: string;
  readonly call: Call;
  /** Those that are right. */
  readonly statuses: readonly number[];
}

const word = (number: number): string => `${marks.foreign}${number}`;

/** Ids as in the crawled project, and others; every text is a canary. */
export const foreignResources = (): JsonObject[] =>
  ['ours-patient-1', word(1)].map((id, place) => ({
    resourceType: 'Patient',
    id,
    identifier: [{ system: `http://${word(2 + place)}.example`, value: word(4 + place) }],
    name: [{ family: word(6 + place) }],
    birthDate: `${secretYears.foreign}-01-01`,
  }));

/** Requests of the people of `here` for what `there` has, and with the tokens of one at the other. */
function foreignProbes(here: Place, there: Place): ForeignProbe[] {
  const bearer = (token: string) => ({ authorization: `Bearer ${token}`, 'x-medplum': 'extended' });
  const json = { 'content-type': 'application/fhir+json' };
  const probes: ForeignProbe[] = [];
  const add = (name: string, base: string, path: string, call: Call, ...statuses: number[]) =>
    probes.push({ name: `${name} ${call.method ?? 'GET'} ${path}`, base, path, call, statuses });

  for (const [who, token] of [
    ['member', here.memberToken],
    ['admin', here.adminToken],
  ] as const) {
    const headers = bearer(token);
    for (const path of [
      'fhir/R4/Patient',
      'fhir/R4/Patient/ours-patient-1',
      'fhir/R4/_history',
      'fhir/R4/$graphql',
      'auth/me',
      `admin/projects/${there.projectId}`,
    ]) {
      add(`${who} of the one at the other:`, there.base, path, { headers }, 401);
    }
    // At the own address, about the other.
    for (const path of [`fhir/R4/Patient/${word(1)}`, `fhir/R4/Patient/${word(1)}/_history`]) {
      add(`${who}:`, here.base, path, { headers }, 404);
    }
    add(`${who}:`, here.base, `fhir/R4/Patient?identifier=${word(4)},${word(5)}&_total=accurate`, { headers }, 200);
    add(`${who}:`, here.base, 'fhir/R4/Patient?_count=1000&_revinclude=*', { headers }, 200);
    add(`${who}:`, here.base, 'fhir/R4/Patient', { headers: { ...headers, 'x-project': there.slug } }, 400, 404);
    for (const [method, path] of [
      ['GET', ''],
      ['POST', '/invite'],
      ['POST', '/client'],
      ['POST', '/bot'],
      ['POST', '/secrets'],
      ['POST', '/sites'],
    ] as const) {
      const body = method === 'POST' ? { body: '{}' } : {};
      const call = { method, headers: { ...headers, ...json }, ...body };
      add(`${who} with the id of the other project:`, here.base, `admin/projects/${there.projectId}${path}`, call, 403);
    }
    const entry = [`Patient/${word(1)}`, `${there.base}fhir/R4/Patient/${word(1)}`].map((url) => ({
      request: { method: 'GET', url },
    }));
    const body = JSON.stringify({ resourceType: 'Bundle', type: 'batch', entry });
    add(`${who}:`, here.base, 'fhir/R4', { method: 'POST', headers: { ...headers, ...json }, body }, 200);
  }
  return probes;
}

/** Sends them all. An administrator of this project sees what its organizations have, so only the other project counts. */
export async function crawlForeign(here: Place, there: Place): Promise<Leak[]> {
  const leaks: Leak[] = [];
  for (const { name, base, path, call, statuses } of foreignProbes(here, there)) {
    const { status, headers, text } = await send(base, path, call);
    const shown = secretsIn(`${JSON.stringify(headers)} ${text}`, `${path} ${call.body ?? ''}`);
    const secrets = shown.filter((secret) => isOf(secret, 'foreign'));
    if (secrets.length > 0 || !statuses.includes(status)) {
      const problem = `status ${status} ${secrets.slice(0, 5).join(' ')} ${text.slice(0, 300)}`;
      leaks.push({ family: 'foreign', request: name, problem });
    }
  }
  return leaks;
}

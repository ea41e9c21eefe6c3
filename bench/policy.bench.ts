import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { effectivePolicy, type PolicyInput } from '#access-policy';
import { fhirVersion, type JsonObject } from '#fhir';
import { type CreatedProject, expectStatus, type RunningPlatform } from '#testing';
import { fillClinic, ORGANIZATIONS, organizationOf } from './clinic.js';
import { tidyDatabase } from './databases.js';
import { withEnvironment } from './environment.js';
import { loadOnce } from './load.js';
import { type BenchReport, median, publish, round } from './report.js';
import { seededRandom } from './seeded-resources.js';

const ROUNDS = 5;
const CONNECTIONS = 16;
const WARM_UP = 3_200;
const MEMBERSHIPS = 2_000;

/** Who asks: without a policy, with one organization, with half of them all. */
const callers = {
  free: { organizations: 0, limit: 1 },
  one: { organizations: 1, limit: 0.9 },
  many: { organizations: ORGANIZATIONS / 2, limit: 0.7 },
} as const;
type CallerName = keyof typeof callers;

const filed = (type: string) => ({ resourceType: type, criteria: `${type}?_compartment=%organization` });
const policy: JsonObject & { resourceType: string } = {
  resourceType: 'AccessPolicy',
  name: 'Clinicians by organization',
  compartment: { reference: '%organization' },
  resource: [
    filed('Patient'),
    filed('Observation'),
    filed('Encounter'),
    filed('Condition'),
    { resourceType: 'Organization', criteria: 'Organization?_id=%organization', readonly: true },
  ],
};

/**
 * What an access policy costs: the same requests, for the same patients of one organization, by a member without a policy
 * and by members with the policy above for one organization and for half of a hundred, in turns.
 */
export async function benchPolicy(): Promise<void> {
  await withEnvironment(async (environment) => {
    const { platform, tenantDatabaseOf } = environment;
    const project = await platform.createProject('bench-policy');
    const admin = {
      authorization: `Bearer ${await platform.clientToken(project)}`,
      'content-type': 'application/fhir+json',
      'x-medplum': 'extended',
    };
    const ids = await fillClinic(project, admin, { filed: true });
    const tokens = await memberTokens(platform, project, admin);
    await tidyDatabase(environment, await tenantDatabaseOf(project.id));

    const table: Record<string, string | number>[] = [];
    const checks: NonNullable<BenchReport['checks']> = {};
    for (const [what, amount, path] of requestsFor(ids)) {
      const rates = await measure(platform, `/p/${project.slug}/fhir/R4`, tokens, amount, path);
      const free = median(rates.free);
      table.push({
        what,
        ...Object.fromEntries(Object.entries(rates).map(([name, all]) => [name, round(median(all))])),
      });
      for (const name of ['one', 'many'] as const) {
        const ratio = median(rates[name].map((rate, index) => rate / (rates.free[index] ?? free)));
        const { limit } = callers[name];
        checks[`${what}, ${name}`] = { measured: ratio.toFixed(2), limit: `≥ ${limit}`, holds: ratio >= limit };
      }
    }
    Object.assign(checks, measureBuilding());
    const ratios = Object.entries(checks).flatMap(([name, { measured }]) => (name.endsWith(', one') ? [measured] : []));
    await publish({
      name: 'policy',
      floor: 'the same requests without a policy; the least of all rows with one organization',
      ratio: Math.min(...ratios.map(Number)),
      rows: table,
      checks,
    });
  });
}

/** What is asked of patients of the first organization: name, how often per round, path. */
function requestsFor(ids: readonly string[]): [string, number, (index: number) => string][] {
  const random = seededRandom(5);
  const theirs = ids
    .map((id, index) => ({ id, index }))
    .filter(({ index }) => organizationOf(index) === organizationOf(0));
  const any = () => theirs[Math.floor(random() * theirs.length)] as { id: string; index: number };
  return [
    ['read by id', 16_000, () => `/Patient/${any().id}`],
    ['search by identifier', 9_600, () => `/Patient?identifier=urn:boxyard:bench:mrn%7Cmrn-${any().index * 3}`],
    [
      'Observations of a Patient by date',
      8_000,
      () => `/Observation?subject=Patient/${any().id}&_sort=-date&_count=20`,
    ],
    ['Observations in a compartment', 8_000, () => `/Patient/${any().id}/Observation`],
  ];
}

async function measure(
  platform: RunningPlatform,
  base: string,
  tokens: Record<CallerName, string>,
  amount: number,
  path: (index: number) => string,
): Promise<Record<CallerName, number[]>> {
  const paths = Array.from({ length: 208 }, (_, index) => path(index));
  const rates: Record<CallerName, number[]> = { free: [], one: [], many: [] };
  for (let round = 0; round < ROUNDS; round++) {
    for (const name of Object.keys(callers) as CallerName[]) {
      const requests = Array.from({ length: amount }, (_, index) => ({
        path: `${base}${paths[index % paths.length]}`,
        headers: { authorization: tokens[name] },
      }));
      const options = { connections: CONNECTIONS, expected: 200 };
      if (round === 0) await loadOnce(platform.dataUrl, requests.slice(0, WARM_UP), options);
      rates[name].push(await loadOnce(platform.dataUrl, requests, options));
    }
  }
  return rates;
}

/** A client for each caller, and the header with which it asks. */
async function memberTokens(
  platform: RunningPlatform,
  project: CreatedProject,
  headers: Record<string, string>,
): Promise<Record<CallerName, string>> {
  const call = async <Answer>(status: number, method: string, path: string, body?: JsonObject): Promise<Answer> => {
    const init = { method, headers, ...(body && { body: JSON.stringify(body) }) };
    return (await expectStatus(await fetch(`${project.baseUrl}${path}`, init), status)) as Answer;
  };
  const { id: policyId } = await call<{ id: string }>(201, 'POST', 'fhir/R4/AccessPolicy', policy);
  const token = async (name: CallerName): Promise<string> => {
    const client = await call<{ id: string; secret: string }>(201, 'POST', `admin/projects/${project.id}/client`, {
      name,
    });
    const search = `fhir/R4/ProjectMembership?profile=ClientApplication/${client.id}`;
    const { entry } = await call<{ entry: { resource: JsonObject & { id: string } }[] }>(200, 'GET', search);
    const membership = entry[0]?.resource;
    if (membership === undefined) throw new Error(`the client ${name} has no membership`);
    const access = accessOf(callers[name].organizations, policyId);
    await call(200, 'PUT', `fhir/R4/ProjectMembership/${membership.id}`, { ...membership, ...access });
    const adminClient = { clientId: client.id, clientSecret: client.secret };
    return `Bearer ${await platform.clientToken({ ...project, adminClient })}`;
  };
  return { free: await token('free'), one: await token('one'), many: await token('many') };
}

function accessOf(organizations: number, policyId: string): JsonObject {
  if (organizations === 0) return {};
  const parameter = Array.from({ length: organizations }, (_, index) => ({
    name: 'organization',
    valueReference: { reference: organizationOf(index) },
  }));
  return { access: [{ policy: { reference: `AccessPolicy/${policyId}` }, parameter }] };
}

/** The time that a policy takes when nothing of it is known, and the memory that one more membership takes. */
function measureBuilding(): NonNullable<BenchReport['checks']> {
  const version = fhirVersion('4.0.1');
  const inputOf = (index: number, content: JsonObject = policy): PolicyInput => ({
    version,
    projectId: 'bench',
    membership: {
      resourceType: 'ProjectMembership',
      id: `m${index}`,
      profile: { reference: `Practitioner/p${index}` },
      ...accessOf(50, 'clinicians'),
    },
    policies: new Map([['AccessPolicy/clinicians', content]]),
    scope: '',
  });
  const use = (input: PolicyInput) => {
    const made = effectivePolicy(input);
    for (const type of ['Patient', 'Observation', 'Organization']) made.limits('search', type);
    return made;
  };
  // A policy with another text is one that was never seen.
  const cold = Array.from({ length: 50 }, (_, index) => {
    const input = inputOf(index, { ...policy, name: `Clinicians ${index}` });
    const started = performance.now();
    use(input);
    return performance.now() - started;
  });
  const collectGarbage = garbageCollector();
  collectGarbage();
  const before = process.memoryUsage().heapUsed;
  const kept = Array.from({ length: MEMBERSHIPS }, (_, index) => use(inputOf(index)));
  collectGarbage();
  const kib = (process.memoryUsage().heapUsed - before) / kept.length / 1024;
  return {
    'a policy from cold, p50': { measured: `${median(cold).toFixed(2)} ms`, limit: '≤ 5 ms', holds: median(cold) <= 5 },
    'a cached membership with 50 organizations': {
      measured: `${kib.toFixed(1)} KiB`,
      limit: '≤ 10 KiB',
      holds: kib <= 10,
    },
  };
}

function garbageCollector(): () => void {
  setFlagsFromString('--expose_gc');
  return runInNewContext('gc') as () => void;
}

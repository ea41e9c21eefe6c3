/** The upgrade of a release as its operator does it, by the steps of the operators' page, while everything is in use. */
import { setTimeout as pause } from 'node:timers/promises';
import { TENANT_SCHEMA_VERSION, tenantMigrations } from '#migrations/tenant';
import { type CreatedProject, expectStatus } from '#testing';
import { EarlierFleet, earlierSchema, type FoundSchema, statement } from './release-upgrade/earlier-fleet.js';
import { rolloutEvents, type ShownRollout } from './release-upgrade/rollout-events.js';
import { kindsOfRequests, type ServedProject, SteadyTraffic } from './release-upgrade/steady-traffic.js';

/** More entries of an audit than one search looks at. */
const readings = 20_500;
const upToDate = tenantMigrations.map((_, index) => index + 1);

let fleet: EarlierFleet;
let traffic: SteadyTraffic[] = [];

afterEach(async () => {
  await Promise.all(traffic.map((each) => each.stop()));
  await fleet?.stop();
});

/** Projects of the schema before, all in use on both data planes from now on. */
async function aFleetInUse(count: number): Promise<CreatedProject[]> {
  fleet = await EarlierFleet.start();
  const projects = await Promise.all(
    Array.from({ length: count }, (_, index) =>
      fleet.platform.createProject(`ward-${index}`, { labels: { tier: index % 3 === 0 ? 'gold' : 'standard' } }),
    ),
  );
  const served = await Promise.all(projects.map((project) => fleet.servedBy(project)));
  traffic = [served.map(({ current }) => current), served.map(({ earlier }) => earlier)].map(
    (plane) => new SteadyTraffic(plane),
  );
  await Promise.all(traffic.map((each) => each.start()));
  return projects;
}

/** Ends the traffic: nothing of it has failed, and each data plane has answered requests of every kind. */
async function expectNothingFailed(): Promise<void> {
  for (const each of traffic) {
    await each.stop();
    expect(each.failures).toEqual([]);
    expect([...each.answered.keys()].toSorted()).toEqual(kindsOfRequests.toSorted());
  }
}

/** Plans a rollout and starts it; the answers are followed from its start on. */
async function startRollout(request: object): Promise<{ id: string; events: AsyncGenerator<ShownRollout> }> {
  const { id } = await fleet.api<{ id: string }>('POST', '/rollouts', request, 202);
  // Whoever waits for half a minute, the least that can be asked for, behind each wave sees nothing else.
  await fleet.control.query(statement(`UPDATE rollout SET plan = jsonb_set(plan, '{health,windowMs}', '1500')`));
  await fleet.api('POST', `/rollouts/${id}/start`);
  return { id, events: rolloutEvents(await fleet.platform.control('GET', `/rollouts/${id}/events`)) };
}

const lookInto = (projects: readonly { slug: string }[]): Promise<FoundSchema[]> =>
  Promise.all(projects.map(({ slug }) => fleet.look(slug)));

const versionsOf = ({ versions }: FoundSchema): number[] => versions.map(({ version }) => version);

interface FleetVersions {
  target: number;
  newest: number;
  behind: number;
  versions: { version: number; projects: number }[];
}

interface Drift {
  counts: { pending: number; same: number; drifted: number; failed: number };
  items: { slug: string; differences: string[] }[];
}

/** Asks for a look into the databases, and gives what came of it when the last one was looked into. */
async function drift(request: { projects?: string[] } = {}): Promise<Drift> {
  await fleet.api('POST', '/fleet/drift', request, 202);
  for (;;) {
    const found = await fleet.api<Drift>('GET', '/fleet/drift');
    if (found.counts.pending === 0) return found;
    await pause(100);
  }
}

/** The newest deletions that the project's audit knows of. */
const deletions = ({ fhirUrl, authorization }: ServedProject): Promise<Response> =>
  fetch(`${fhirUrl}/AuditEvent?action=D&_sort=-date`, { headers: { authorization } });

/** One patient is deleted, and after that far more is read than a search of the audit looks at. */
async function deleteOnePatient({ fhirUrl, authorization }: ServedProject, slug: string): Promise<void> {
  const headers = { authorization, 'content-type': 'application/fhir+json' };
  const created = await fetch(`${fhirUrl}/Patient`, { method: 'POST', headers, body: '{"resourceType":"Patient"}' });
  const { id } = (await expectStatus(created, 201)) as { id: string };
  await expectStatus(await fetch(`${fhirUrl}/Patient/${id}`, { method: 'DELETE', headers }), 200);
  await fleet.inTenant(slug, (owner) =>
    owner.query(
      statement(`INSERT INTO audit_event (recorded, action, outcome, agent, entity)
        SELECT clock_timestamp(), 'R', 0, 'Practitioner/1', 'Patient' FROM generate_series(1, ${readings})`),
    ),
  );
}

test('a fleet in use is brought to the schema of the new release without a failed request', async () => {
  const projects = await aFleetInUse(12);
  const audited = (await fleet.servedBy(projects[11]!)).current;
  await deleteOnePatient(audited, projects[11]!.slug);
  expect(await expectStatus(await deletions(audited), 400)).toMatchObject({ issue: [{ code: 'too-costly' }] });
  expect((await lookInto(projects)).map(versionsOf)).toEqual(projects.map(() => [earlierSchema]));
  expect(await fleet.api('GET', '/fleet/versions')).toMatchObject({ target: 1, newest: TENANT_SCHEMA_VERSION });
  const { items } = await fleet.api<{ items: object[] }>('GET', `/projects?schemaVersion=${earlierSchema}`);
  expect(items).toHaveLength(projects.length);
  for (const { slug } of projects.slice(0, 2)) {
    await fleet.api('PATCH', `/projects/${slug}`, { labels: { ring: 'canary' } });
  }

  const waves = [{ label: 'ring:canary' }, { percent: 50 }, { percent: 100 }];
  expect(await fleet.api('POST', '/rollouts', { waves, dryRun: true })).toMatchObject({
    target: TENANT_SCHEMA_VERSION,
    waves: [2, 4, 6].map((pending) => ({ counts: { pending } })),
    skipped: [],
    migrations: [
      { version: 2, databases: 12, statements: [{ locks: [{ object: 'audit_event', blocks: 'nothing' }] }] },
    ],
  });
  expect(await fleet.api('GET', '/rollouts')).toMatchObject({ items: [] });

  const { id, events } = await startRollout({
    waves,
    // The figures of so short a time on a busy machine say nothing; whether projects answer is judged all the same.
    health: { minRequests: 1_000_000 },
  });
  const created = new Map<string, CreatedProject>();
  let last: ShownRollout | undefined;
  for await (last of events) {
    const { state: canary } = last.waves[0]!;
    // Whether the migration is good is still open, so a new project is made with the schema that is known to be.
    if (canary === 'checking' && !created.has('early')) {
      expect(await fleet.api('GET', '/fleet/versions')).toMatchObject({ target: earlierSchema });
      created.set('early', await fleet.platform.createProject('early'));
      expect(versionsOf(await fleet.look('early'))).toEqual([earlierSchema]);
    }
    if (canary === 'passed' && !created.has('late')) {
      expect(await fleet.api('GET', '/fleet/versions')).toMatchObject({ target: TENANT_SCHEMA_VERSION });
      created.set('late', await fleet.platform.createProject('late'));
      expect(versionsOf(await fleet.look('late'))).toEqual(upToDate);
    }
  }
  expect(last).toMatchObject({
    ...{ state: 'succeeded', reason: null },
    counts: { done: 13, pending: 0, running: 0, failed: 0, skipped: 0 },
    // In the end the last wave is judged for who was born with the older schema.
    waves: [2, 3, 1].map((asked) => ({ state: 'passed', health: { smoke: { asked, failed: [] }, exceeded: [] } })),
  });
  for (const { health } of last!.waves) expect(health?.smoke).not.toHaveProperty('note');
  expect([...created.keys()]).toEqual(['early', 'late']);

  const everybody = [...projects, ...created.values()];
  const found = await lookInto(everybody);
  expect(found.map(versionsOf)).toEqual(everybody.map(() => upToDate));
  expect(new Set(found.map(({ fingerprint }) => fingerprint)).size).toBe(1);
  expect(found[0]!.lines.filter((line) => line.includes('audit_event_deletions'))).toHaveLength(1);
  expect(found[0]!.lines.filter((line) => line.includes('INVALID'))).toEqual([]);
  // All that had to be migrated was, by this rollout, and who was born with the schema was left alone.
  expect(found.filter(({ versions }) => versions.at(-1)?.appliedBy === id).map(({ slug }) => slug)).toEqual(
    everybody.filter(({ slug }) => slug !== 'late').map(({ slug }) => slug),
  );
  expect(await fleet.api<FleetVersions>('GET', '/fleet/versions')).toMatchObject({
    ...{ target: TENANT_SCHEMA_VERSION, newest: TENANT_SCHEMA_VERSION, behind: 0 },
    versions: expect.arrayContaining([expect.objectContaining({ version: TENANT_SCHEMA_VERSION, projects: 14 })]),
  });

  const { entry } = (await expectStatus(await deletions(audited), 200)) as { entry: object[] };
  expect(entry).toHaveLength(1);
  await expectNothingFailed();

  expect(await drift()).toMatchObject({ counts: { same: 14, drifted: 0, failed: 0 }, items: [] });
  await fleet.inTenant('ward-5', (owner) => owner.query(statement('ALTER TABLE resource ADD COLUMN by_hand integer')));
  const drifted = await drift({ projects: ['ward-5'] });
  expect(drifted.counts).toMatchObject({ same: 13, drifted: 1, failed: 0 });
  expect(drifted.items).toMatchObject([{ slug: 'ward-5', differences: [expect.stringMatching(/^\+ .*by_hand/)] }]);
}, 300_000);

/** The step has begun in the database that this is asked of, and has not ended. */
const unfinishedIndex = `
  SELECT FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid WHERE c.relname = 'audit_event_deletions' AND NOT i.indisvalid`;

/** What the databases keep of the migration: all of it changes when something is done a second time. */
const builtIndexes = async (projects: readonly CreatedProject[]): Promise<unknown[]> =>
  Promise.all(
    projects.map(({ slug }) =>
      fleet.inTenant(slug, (owner) =>
        owner.query(
          statement(`SELECT version, applied_at, (SELECT oid FROM pg_class WHERE relname = 'audit_event_deletions')
                       FROM schema_version ORDER BY version`),
        ),
      ),
    ),
  );

test('a worker that is killed in the middle of a rollout is started again, and nothing is done twice', async () => {
  const projects = await aFleetInUse(8);
  const inOrder = projects.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const [done, held] = [inOrder.slice(0, 3), inOrder[3]!];
  const { platform } = fleet;
  const { id, events } = await fleet.inTenant(held.slug, (owner) =>
    owner.transaction(async (writer) => {
      // Somebody writes into the audit and does not end: a concurrent build waits for that, and nobody waits for the build.
      await writer.query(statement('LOCK TABLE audit_event IN ROW EXCLUSIVE MODE'));
      const started = await startRollout({
        waves: [{ percent: 100 }],
        parallel: 1,
        health: { minRequests: 1_000_000 },
      });
      for await (const { counts } of rolloutEvents(await platform.control('GET', `/rollouts/${started.id}/events`))) {
        if (counts.done === done.length) break;
      }
      while ((await writer.query(statement(unfinishedIndex))).length === 0) await pause(20);
      await platform.kill('worker', 'SIGKILL');
      return started;
    }),
  );
  const before = await builtIndexes(done);
  // Otherwise the next worker would wait until the lease of the dead one is over, which takes half a minute.
  await fleet.control.query(statement('UPDATE rollout SET lease_expires_at = now()'));
  await platform.start('worker');

  let last: ShownRollout | undefined;
  for await (last of events);
  expect(last).toMatchObject({ state: 'succeeded', counts: { done: projects.length, failed: 0 } });
  expect(await builtIndexes(done)).toEqual(before);
  const found = await lookInto(projects);
  expect(found.map(versionsOf)).toEqual(projects.map(() => upToDate));
  expect(new Set(found.map(({ fingerprint }) => fingerprint)).size).toBe(1);
  expect(found[0]!.lines.filter((line) => line.includes('INVALID'))).toEqual([]);
  const { items } = await fleet.api<{ items: { attempts: number }[] }>('GET', `/rollouts/${id}/projects`);
  expect(items.map(({ attempts }) => attempts)).toEqual(projects.map(() => 1));
  await expectNothingFailed();
}, 300_000);

import { readFileSync } from 'node:fs';
import { expectStatus, type RunningPlatform } from '#testing';
import { fillClinic } from './clinic.js';
import { copyDatabase, tidyDatabase } from './databases.js';
import { withEnvironment } from './environment.js';
import { type Row, rowsFor } from './fhir-rows.js';
import { measureImport } from './import.bench.js';
import { loadOnce } from './load.js';
import { type PlainRequest, record } from './replay/recording.js';
import { startReplay } from './replay/replay.js';
import { type BenchReport, median, publish, round } from './report.js';
import { seededRandom, transactionBundle } from './seeded-resources.js';

const ROUNDS = 3;
const CONNECTIONS = 16;
/** Connections of the floor; the platform's broker gives one tenant two. */
const FLOOR_CONNECTIONS = 4;
/** Distinct requests of a row that changes nothing. */
const DISTINCT = 208;
const WARM_UP = 3_200;

interface Measured {
  readonly ours: number[];
  readonly floor: number[];
}

/**
 * The FHIR API over HTTP, validation and audit on, with 20,000 Patients and 40,000 Observations: each row beside bare
 * node:http + pg that runs the very statements which the platform sent for the same requests, on a copy of the same
 * database. `only`: the rows of these names, and neither the import nor the memory of all versions.
 */
export async function benchFhir(name = 'fhir', only?: readonly string[]): Promise<void> {
  await withEnvironment(async (environment) => {
    const { platform, tenantDatabaseOf } = environment;
    const project = await platform.createProject('bench-fhir');
    const headers = {
      authorization: `Bearer ${await platform.clientToken(project)}`,
      'content-type': 'application/fhir+json',
    };
    const patientIds = await fillClinic(project, headers);
    const database = await tenantDatabaseOf(project.id);
    await tidyDatabase(environment, database);
    const floorDatabase = await copyDatabase(environment, database);

    const table: { what: string; 'Boxyard /s': number; 'floor /s': number; ratio: number }[] = [];
    const checks: NonNullable<BenchReport['checks']> = {};
    const add = (what: string, limit: number, { ours, floor }: Measured): void => {
      const ratio = median(ours) / median(floor);
      table.push({ what, 'Boxyard /s': round(median(ours)), 'floor /s': round(median(floor)), ratio: round(ratio) });
      checks[what] = { measured: `${ratio.toFixed(2)} of the floor`, limit: `≥ ${limit}`, holds: ratio >= limit };
    };
    for (const row of rowsFor(`/p/${project.slug}/fhir/R4`, headers, patientIds)) {
      if (only !== undefined && !only.includes(row.name)) continue;
      add(row.name, row.limit, await measure(platform, { database, floorDatabase }, row));
    }
    if (only === undefined) {
      add('import, resources', 0.4, await measureImport(environment));
      const rss = await residentMegabytes(platform);
      checks['resident memory, three FHIR versions in use'] = {
        measured: `${rss} MiB`,
        limit: '≤ 350 MiB',
        holds: rss <= 350,
      };
    }
    await publish({
      name,
      floor: 'bare node:http + pg running the same statements on a copy of the database; the least of all rows',
      ratio: Math.min(...table.map(({ ratio }) => ratio)),
      rows: table,
      checks,
    });
  });
}

/** Requests per second of the platform and of the floor, one figure per round, taken in turns. */
async function measure(
  platform: RunningPlatform,
  { database, floorDatabase }: { database: string; floorDatabase: string },
  row: Row,
): Promise<Measured> {
  const distinct = row.changes ? row.amount * ROUNDS : DISTINCT;
  const take = (): PlainRequest[] => Array.from({ length: distinct }, (_, index) => row.request(index));
  const recorded = await record(platform, database, take(), row.status);
  // What changes something was done by the recording, so the platform gets requests of its own.
  const requests = take();
  const part = <T>(all: readonly T[], roundNumber: number): T[] =>
    row.changes
      ? all.slice(roundNumber * row.amount, (roundNumber + 1) * row.amount)
      : Array.from({ length: row.amount }, (_, index) => all[index % all.length] as T);
  const options = { connections: CONNECTIONS, expected: row.status };
  const measured: Measured = { ours: [], floor: [] };
  for (let roundNumber = 0; roundNumber < ROUNDS; roundNumber++) {
    const replay = await startReplay(floorDatabase, FLOOR_CONNECTIONS, recorded);
    const places = part([...recorded.keys()], roundNumber);
    const replayed = places.map((place) => ({ method: recorded[place]?.method ?? 'GET', path: `/${place}` }));
    const warmUp = row.changes ? [] : replayed.slice(0, WARM_UP);
    if (warmUp.length > 0) await loadOnce(replay.url, warmUp, options);
    measured.floor.push(await loadOnce(replay.url, replayed, options));
    await replay.stop();
    const sent = part(requests, roundNumber);
    if (warmUp.length > 0) await loadOnce(platform.dataUrl, sent.slice(0, WARM_UP), options);
    measured.ours.push(await loadOnce(platform.dataUrl, sent, options));
  }
  return measured;
}

/** The data plane's memory after the bench, when projects of all FHIR versions have been used. */
async function residentMegabytes(platform: RunningPlatform): Promise<number> {
  for (const version of ['4.3.0', '5.0.0']) {
    const project = await platform.createProject(`bench-${version.replaceAll('.', '-')}`, { fhirVersion: version });
    const headers = {
      authorization: `Bearer ${await platform.clientToken(project)}`,
      'content-type': 'application/fhir+json',
    };
    const body = transactionBundle(seededRandom(3), 0, 100);
    await expectStatus(await fetch(`${project.baseUrl}fhir`, { method: 'POST', headers, body }), 200);
    await expectStatus(await fetch(`${project.baseUrl}fhir/Patient?name=Bauer`, { headers }), 200);
  }
  const status = readFileSync(`/proc/${platform.process('data-plane').pid}/status`, 'utf8');
  return Math.round(Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024);
}

/**
 * A member of one organization asks for everything, in every way that the server declares. What another organization of
 * the same project has must not show, in no answer and in no line of the log, and nothing of it may change; every answer
 * is what it would be if the other organization were not there.
 */
import { aDatabase, type CreatedProject, runs, type RunningPlatform, startPlatform } from '#testing';
import { secretsIn } from './leak-crawl/canaries.js';
import { crawl, type CrawlReport } from './leak-crawl/crawl.js';
import { type WatchedDataPlane, watchDataPlane } from './leak-crawl/data-plane-process.js';
import { crawlForeign, foreignResources } from './leak-crawl/foreign-project.js';
import { crawlRevocation } from './leak-crawl/revocation.js';
import { hangUp } from './leak-crawl/http.js';
import type { Leak } from './leak-crawl/probe.js';
import { fingerprint, intruders, makeWorld, type Place, store, type World } from './leak-crawl/world.js';

const perFamily = runs({ sample: 50, deep: 1_000 });
const allTypes = runs({ sample: 0, deep: 1 }) === 1;

/** After what the requests are; all of these there must be. */
const families = [
  ...'accounts admin admin-write after attachment auth author before binary blind bundle chain chart compartment'.split(
    ' ',
  ),
  ...'conditional constraint cursor delete everything expansion export filter graphql has hidden history include job'.split(
    ' ',
  ),
  ...'launch list old-version operation parameter patch random read revinclude sort storage system text total'.split(
    ' ',
  ),
  ...'type update vread'.split(' '),
];

let platform: RunningPlatform;
let plane: WatchedDataPlane;
let world: World;
let full: Place;
let alone: Place;

beforeAll(async () => {
  platform = await startPlatform({ databaseUrl: (await aDatabase()).url, apps: ['control-plane', 'worker'] });
  plane = await watchDataPlane(platform.env);
  world = await makeWorld(platform, plane.url, { all: allTypes });
  full = await world.full.at(plane.url);
  alone = await world.alone.at(plane.url);
}, 600_000);

afterAll(async () => {
  hangUp();
  await world?.close();
  await plane?.stop();
  await platform?.stop();
});

/** Each kind of leak once: one cause shows in many requests. */
function told(leaks: readonly Leak[]): string[] {
  const byKind = new Map<string, Leak[]>();
  for (const leak of leaks) {
    const kind = `${leak.family} ${leak.problem.slice(0, 40)}`;
    byKind.set(kind, [...(byKind.get(kind) ?? []), leak]);
  }
  return [...byKind.values()].flatMap((alike) =>
    alike
      .slice(0, 2)
      .map(({ family, request, problem }) => `${family} (${alike.length} alike): ${request}\n    ${problem}`),
  );
}

describe('a member of one organization', () => {
  let report: CrawlReport;
  let before: string;

  beforeAll(async () => {
    before = await fingerprint(world);
    report = await crawl(world, full, alone, { perFamily });
  }, 3_600_000);

  test('learns nothing of another organization by any request that the server declares', () => {
    expect(told(report.leaks)).toEqual([]);
  });

  test('was answered, and not only told that the requests are wrong', () => {
    const wrong = [...report.statuses].flatMap(([family, statuses]) => {
      const bad = statuses.filter((status) => status === 400 || status === 404 || status === 405).length;
      return bad > statuses.length * 0.6 ? [`${family}: ${bad} of ${statuses.length}`] : [];
    });
    expect(wrong).toEqual([]);
  });

  test('was tried with requests of every family', () => {
    expect([...report.statuses.keys()].sort()).toEqual(families);
  });

  test('changes nothing of it, and files nothing under it', async () => {
    expect(await fingerprint(world)).toBe(before);
    expect(await intruders(world)).toEqual([]);
  });
});

const otherLabels = runs({ sample: 0, deep: 1 }) === 1 ? ['R4B', 'R5'] : [];
for (const label of otherLabels) {
  test(`nor does one of a project of FHIR ${label}`, async () => {
    const other = await makeWorld(platform, plane.url, { all: false, name: `crawl-${label.toLowerCase()}`, label });
    try {
      const [there, without] = [await other.full.at(plane.url), await other.alone.at(plane.url)];
      const before = await fingerprint(other);
      expect(told((await crawl(other, there, without, { perFamily: 200 })).leaks)).toEqual([]);
      expect([await fingerprint(other), await intruders(other)]).toEqual([before, []]);
    } finally {
      await other.close();
    }
  }, 1_200_000);
}

describe('another project', () => {
  let foreign: CreatedProject;
  let foreignPlace: Place;

  beforeAll(async () => {
    foreign = await platform.createProject('crawl-foreign');
    const base = `${plane.url}/p/${foreign.slug}/`;
    const adminToken = await platform.clientToken({ ...foreign, baseUrl: base });
    foreignPlace = {
      label: 'R4',
      base,
      slug: foreign.slug,
      projectId: foreign.id,
      adminToken,
      memberToken: adminToken,
      theirToken: adminToken,
      theirProfile: '',
    };
    await store(foreignPlace, foreignResources());
  }, 120_000);

  test('shows nothing to members and administrators of this one, by no route and with no token', async () => {
    expect(told(await crawlForeign(full, foreignPlace))).toEqual([]);
  });
});

test('rights that are taken away through one process end at another with the very next request', async () => {
  const second = await watchDataPlane(platform.env);
  try {
    const elsewhere = await world.full.at(second.url);
    for (const [here, there] of [
      [full, elsewhere],
      [elsewhere, full],
    ] as const) {
      expect(told(await crawlRevocation(world, here, there))).toEqual([]);
    }
    expect(secretsIn(second.log())).toEqual([]);
  } finally {
    await second.stop();
  }
}, 120_000);

test('no line of the log tells what stands in a resource', () => {
  const log = plane.log();
  expect(log.length).toBeGreaterThan(0);
  const secrets = secretsIn(log);
  const lines = log.split('\n').filter((line) => secrets.some((secret) => line.toLowerCase().includes(secret)));
  expect(lines.slice(0, 5)).toEqual([]);
});

/**
 * The leak crawl is worth as much as what it would notice: here protections are taken out of copies of the server, one at
 * a time, and the part of the crawl that is after it must notice each.
 */
import { aDatabase, runs, type RunningPlatform, SeededRandom, startPlatform } from '#testing';
import { secretsIn } from '../e2e/leak-crawl/canaries.js';
import { crawl } from '../e2e/leak-crawl/crawl.js';
import { type WatchedDataPlane, watchDataPlane } from '../e2e/leak-crawl/data-plane-process.js';
import { faults } from '../e2e/leak-crawl/faults.js';
import { copyServer, type ServerCopy } from '../e2e/leak-crawl/faulty-copy.js';
import { crawlForeign } from '../e2e/leak-crawl/foreign-project.js';
import { hangUp } from '../e2e/leak-crawl/http.js';
import { judgeProbe } from '../e2e/leak-crawl/probe.js';
import { crawlRevocation } from '../e2e/leak-crawl/revocation.js';
import { fingerprint, makeWorld, type Place, type World } from '../e2e/leak-crawl/world.js';

/** How many requests of each family are made of one fault, at most: the first that notices ends it. */
const perFamily = 150;

const random = new SeededRandom(60);
const tried = [...faults]
  .map((fault) => ({ fault, place: random.next() }))
  .sort((one, other) => one.place - other.place)
  .slice(0, runs({ sample: 3, deep: faults.length }))
  .map(({ fault }) => fault)
  .sort((one, other) => faults.indexOf(one) - faults.indexOf(other));

let platform: RunningPlatform;
let plane: WatchedDataPlane;
let copy: ServerCopy;
let world: World;
let worlds = 0;

const newWorld = () => makeWorld(platform, plane.url, { all: false, name: `faulty-${++worlds}` });

beforeAll(async () => {
  platform = await startPlatform({ databaseUrl: (await aDatabase()).url, apps: ['control-plane', 'worker'] });
  plane = await watchDataPlane(platform.env);
  copy = await copyServer();
  world = await newWorld();
}, 300_000);

afterAll(async () => {
  hangUp();
  await world?.close();
  await copy?.remove();
  await plane?.stop();
  await platform?.stop();
});

test('each fault still has a place in the server', async () => {
  expect(faults.length).toBeGreaterThanOrEqual(20);
  for (const { edits } of faults) await copy.with(edits, async () => undefined);
});

test('the crawl finds nothing in the copy without a fault', async () => {
  const families = [...new Set(tried.flatMap((fault) => fault.families))];
  expect(await copy.with([], () => crawlWith(families))).toEqual([]);
}, 600_000);

test.each(tried.map((fault) => [fault.name, fault] as const))(
  'the crawl notices when %s',
  async (_name, fault) => {
    const problems = await copy.with(fault.edits, () => crawlWith(fault.families));
    if (fault.writes === true && !(await isSound())) {
      await world.close();
      world = await newWorld();
    }
    const [first] = problems;
    expect(first).toEqual(expect.any(String));
    // A server that only breaks down has not shown anything.
    expect(first).not.toMatch(/: status 5\d\d/);
  },
  300_000,
);

/** What these families of requests find at a data plane that runs from the copy as it is now. */
async function crawlWith(families: readonly string[]): Promise<string[]> {
  const faulty = await watchDataPlane(platform.env, copy.root);
  try {
    const [full, alone] = [await world.full.at(faulty.url), await world.alone.at(faulty.url)];
    const before = await fingerprint(world);
    const { leaks } = await crawl(world, full, alone, { perFamily, families, stopAt: 1 });
    const further = [
      ...(families.includes('foreign') ? await crawlForeign(full, alone) : []),
      ...(families.includes('revocation') ? await crawlRevocation(world, full, await world.full.at(plane.url)) : []),
    ];
    const logged = secretsIn(faulty.log());
    return [
      ...[...leaks, ...further].map(({ family, request, problem }) => `${family}: ${request}: ${problem}`),
      ...((await fingerprint(world)) === before ? [] : ['The other side was changed.']),
      ...(logged.length > 0 ? [`The log shows ${logged[0] ?? ''}.`] : []),
    ];
  } finally {
    await faulty.stop();
  }
}

/** Whether both projects still hold the same of the crawler's side, as the server without faults shows it. */
async function isSound(): Promise<boolean> {
  const places: [Place, Place] = [await world.full.at(plane.url), await world.alone.at(plane.url)];
  for (const path of ['fhir/R4?_count=1000', 'fhir/R4/_history?_count=1000']) {
    const { leaks } = await judgeProbe({ family: 'sound', path }, ...places);
    if (leaks.length > 0) return false;
  }
  return true;
}

/** The whole crawl, or the part of it that some families of requests are. */
import { SeededRandom } from '#testing';
import { compiledSql } from '#postgres';
import { identityOf } from '../../conformance/identity.js';
import { crawlAuthors } from './authors.js';
import { crawlExports } from './exports.js';
import { send } from './http.js';
import { crawlJobs } from './jobs.js';
import { judgeProbe, type Judged, type Leak, type Probe } from './probe.js';
import { Declared, type DeclaredType } from './requests/declared.js';
import { expansions } from './requests/expansions.js';
import { graphqlQueries } from './requests/graphql.js';
import { launches } from './requests/launches.js';
import { histories, instanceReads, operations, otherRoutes, ownVersions } from './requests/reads.js';
import { storageLinks } from './requests/storage.js';
import {
  chainSearches,
  compartmentAndSystemSearches,
  includeSearches,
  parameterSearches,
  randomSearches,
  textSearches,
  typeSearches,
} from './requests/searches.js';
import { conditionalWrites, hiddenFieldProbes, writesOnTheirs, writesOutOfReach } from './requests/writes.js';
import { asAdmin, inVersion, type Place, type World } from './world.js';

export interface CrawlOptions {
  /** How many requests of each family are sent; of one with fewer all are. */
  readonly perFamily: number;
  /** Only these families. */
  readonly families?: readonly string[];
  /** The crawl ends when it has found so many leaks: all that follow may come from the first. */
  readonly stopAt?: number;
}

export interface CrawlReport {
  /** The statuses of the answers, by family. */
  readonly statuses: ReadonlyMap<string, readonly number[]>;
  readonly leaks: readonly Leak[];
}

/** How many requests are under way at a time. Those that write go one after the other, in both projects alike. */
const atOnce = 6;
const writingFamilies = new Set([
  ...['update', 'patch', 'delete', 'bundle', 'conditional', 'after', 'constraint', 'chart', 'accounts', 'blind'],
  ...['hidden', 'admin', 'admin-write', 'before', 'operation', 'binary', 'launch', 'attachment'],
]);

/** What is more than single requests. What the other side writes comes first, so that everything else looks at it. */
const courses: Readonly<Record<string, (world: World, full: Place, alone: Place) => Promise<Judged>>> = {
  author: (_world, full, alone) => crawlAuthors(full, alone),
  export: (_world, full, alone) => crawlExports(full, alone),
  job: (world, full) => crawlJobs(world, full),
};

/** Sends the requests that come of what the server declares, as a member of one organization, to both projects. */
export async function crawl(world: World, full: Place, alone: Place, options: CrawlOptions): Promise<CrawlReport> {
  const leaks: Leak[] = [];
  const statuses = new Map<string, readonly number[]>();
  const { stopAt = Infinity, families } = options;
  for (const [family, course] of Object.entries(courses)) {
    if (!(families?.includes(family) ?? true) || leaks.length >= stopAt) continue;
    const judged = await course(world, full, alone);
    leaks.push(...judged.leaks);
    statuses.set(family, judged.statuses);
  }
  const random = new SeededRandom(2_026);
  const declared = await declaredBy(world, full, random);
  const probes = await allProbes(world, full, declared, options.perFamily);
  const chosen = sampled(probes, random, options);
  const reading = chosen.filter(({ family }) => !writingFamilies.has(family));
  const writing = chosen.filter(({ family }) => writingFamilies.has(family));
  for (const [probesOfPart, width] of [
    [reading, atOnce],
    [writing, 1],
  ] as const) {
    const queue = [...probesOfPart];
    const work = async () => {
      for (let probe = queue.shift(); probe !== undefined && leaks.length < stopAt; probe = queue.shift()) {
        const judged = await judgeProbe(probe, full, alone);
        leaks.push(...judged.leaks);
        statuses.set(probe.family, [...(statuses.get(probe.family) ?? []), judged.status]);
      }
    };
    await Promise.all(Array.from({ length: width }, work));
  }
  return { statuses, leaks };
}

async function declaredBy({ version, sides, types }: World, place: Place, random: SeededRandom): Promise<Declared> {
  const answer = await send(place.base, inVersion(place, 'fhir/R4/metadata'));
  const { rest } = JSON.parse(answer.text) as { rest: { resource: DeclaredType[] }[] };
  const wanted = new Set(types);
  const resources = (rest[0]?.resource ?? []).filter(({ type }) => wanted.has(type));
  return new Declared(version, resources, sides.ours, sides.theirs, random);
}

async function allProbes(world: World, full: Place, declared: Declared, perFamily: number): Promise<Probe[]> {
  return [
    ...parameterSearches(declared),
    ...typeSearches(declared),
    ...textSearches(declared),
    ...chainSearches(declared),
    ...includeSearches(declared),
    ...compartmentAndSystemSearches(declared),
    ...randomSearches(declared, perFamily),
    ...instanceReads(declared, world),
    ...histories(declared),
    ...ownVersions(await ownOldVersions(world)),
    ...(await replayedPages(full)),
    ...graphqlQueries(declared),
    ...operations(declared),
    ...expansions(),
    ...otherRoutes(await membershipsOf(world)),
    ...writesOnTheirs(declared),
    ...conditionalWrites(declared),
    ...writesOutOfReach(declared),
    ...hiddenFieldProbes(declared),
    ...launches(),
    ...storageLinks(await ownSignature(full), world.theirVersions.get('Binary/far-file') ?? []),
  ];
}

/** Of what pages are turned: the searches, histories and operations that have cursors. */
const pagedQueries = [
  'Patient?_count=1',
  'Patient?_count=1&_sort=-_lastUpdated',
  'Observation?_count=2&_sort=-_id',
  'Observation?_count=1&_sort=-date&_total=accurate&_include=Observation:subject',
  'Patient/_history?_count=2',
  '_history?_count=3',
  '?_type=Patient,Observation&_count=1',
];
/** In the chart of a patient of the other side: its pages are refused, and not only empty. */
const chartQuery = 'Patient/far-patient-1/$everything?_count=1';

/** Links to pages that others got, who see what the crawler does not: the cursor in them carries no right. */
async function replayedPages(full: Place): Promise<Probe[]> {
  const linksOf = (token: string, queries: readonly string[]) =>
    Promise.all(
      queries.map(async (query) => {
        const answer = await asAdmin({ ...full, adminToken: token }, `fhir/R4/${query}`);
        const { link } = JSON.parse(answer.text) as { link: { relation: string; url: string }[] };
        const next = link.find(({ relation }) => relation === 'next')?.url;
        if (next === undefined) throw new Error(`There is no second page of ${query}.`);
        return next.slice(full.base.length);
      }),
    );
  const links = (
    await Promise.all([full.adminToken, full.theirToken].map((token) => linksOf(token, pagedQueries)))
  ).flat();
  const charts = await linksOf(full.theirToken, [chartQuery]);
  const cursor = /_cursor=[\w-]+/.exec(links[0] ?? '')?.[0] ?? '';
  return [
    ...links.map((path) => ({ family: 'cursor', path, expect: [200] })),
    ...charts.map((path) => ({ family: 'cursor', path, expect: [403] })),
    // It is one of another search.
    { family: 'cursor', path: `fhir/R4/Observation?_count=2&${cursor}`, expect: [400] },
    { family: 'cursor', path: `fhir/R4/Patient?_count=2&_sort=_id&${cursor}`, expect: [400] },
  ];
}

/** The signature with which the crawler may download a file of the own side. */
async function ownSignature(full: Place): Promise<string> {
  const headers = { authorization: `Bearer ${full.memberToken}` };
  const answer = await send(full.base, inVersion(full, 'fhir/R4/Patient/ours-patient-1'), { headers });
  const [, signature] = /storage\/Binary\/ours-file\?signature=([^"&]+)/.exec(answer.text) ?? [];
  if (signature === undefined) throw new Error(`The own file has no signed address: ${answer.text.slice(0, 300)}`);
  return signature;
}

async function membershipsOf({ full: { database } }: World): Promise<string[]> {
  const text = `SELECT fhir_id AS id FROM resource WHERE type = 'ProjectMembership' ORDER BY id`;
  const rows = await database.query<{ id: string }>(compiledSql({ text, values: [] }));
  return rows.map(({ id }) => id);
}

/** Some of each family, always the same ones. */
function sampled(probes: readonly Probe[], random: SeededRandom, { perFamily, families }: CrawlOptions): Probe[] {
  const byFamily = new Map<string, Probe[]>();
  for (const probe of probes) byFamily.set(probe.family, [...(byFamily.get(probe.family) ?? []), probe]);
  return [...byFamily].flatMap(([family, all]) => {
    if (families !== undefined && !families.includes(family)) return [];
    const rest = [...all];
    const chosen: Probe[] = [];
    while (chosen.length < perFamily && rest.length > 0) chosen.push(...rest.splice(random.below(rest.length), 1));
    return chosen;
  });
}

/** Numbers of the old versions of the crawler's own resources, as they are in the first project. */
async function ownOldVersions({ sides, full: { database } }: World): Promise<Map<string, readonly string[]>> {
  const addresses = sides.ours.map((resource) => identityOf(resource).address);
  const rows = await database.query<{ address: string; versions: string[] }>(
    compiledSql({
      text: `SELECT r.type || '/' || r.fhir_id AS address, array_agg(h.version::text ORDER BY h.version) AS versions
             FROM resource r JOIN resource_history h ON h.resource_id = r.id
             WHERE r.type || '/' || r.fhir_id = ANY ($1::text[]) AND NOT r.deleted GROUP BY 1`,
      values: [addresses],
    }),
  );
  return new Map(rows.map(({ address, versions }) => [address, versions]));
}

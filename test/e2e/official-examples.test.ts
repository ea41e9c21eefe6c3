/** HL7's own examples, through the whole server, in a project of each FHIR version. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fhirVersion, readResource, supportedFhirVersions, type JsonObject } from '#fhir';
import { aDatabase, type RunningPlatform, startPlatform } from '#testing';
import { officialExampleTexts } from '../conformance/official-examples.js';
import { plainSearch, type LeftOut } from '../conformance/plain-search.js';
import { identityOf } from '../conformance/identity.js';

/** How many requests are under way at a time. */
const lanes = 8;

let platform: RunningPlatform;

beforeAll(async () => {
  platform = await startPlatform({ databaseUrl: (await aDatabase()).url });
}, 120_000);

afterAll(() => platform?.stop());

describe.each(supportedFhirVersions())('the official examples of FHIR $label', ({ id: versionId, label }) => {
  const version = fhirVersion(versionId);
  const texts = officialExampleTexts(label);
  /** By `Type/id`, the invariants that an example breaks. */
  const knownFaults = fixture(label, 'broken-invariants.json') as Record<string, string[]>;
  const knownBroken = fixture(label, 'broken-structure.json') as { expression: string[]; resource: JsonObject }[];
  let base: string;
  let headers: Record<string, string>;

  beforeAll(async () => {
    const project = await platform.createProject(`examples-${label.toLowerCase()}`, { fhirVersion: label });
    base = `${project.baseUrl}fhir/${label}/`;
    const authorization = `Bearer ${await platform.clientToken(project)}`;
    // Compressed, thousands of answers cost more than what is tested.
    headers = { authorization, 'content-type': 'application/fhir+json', 'accept-encoding': 'identity' };
  });

  const get = (address: string): Promise<Response> => fetch(`${base}${address}`, { headers });

  test(`all ${texts.length} but those with known faults are stored and come back to the last character`, async () => {
    const changed: object[] = [];
    const refused: string[] = [];
    await inLanes(texts, async (text) => {
      const { resourceType, id, metaMembers, otherMembers } = readResource(text);
      const address = `${resourceType}/${String(id)}`;
      const put = await fetch(`${base}${address}`, { method: 'PUT', headers, body: text });
      if (put.status === 400 && knownFaults[address] !== undefined) return void refused.push(address);
      if (put.status !== 201) return void changed.push({ address, status: put.status, answer: await put.text() });
      const stored = await (await get(address)).text();
      const expected = `{"resourceType":"${resourceType}","id":"${String(id)}","meta":{${metaMembers}}${otherMembers}}`;
      if (stored.replace(serverMeta, '$1') !== expected) changed.push({ address, stored, expected });
    });
    expect(changed).toEqual([]);
    expect(refused.sort()).toEqual(Object.keys(knownFaults).sort());
  }, 240_000);

  test('those which HL7 published with mistakes are refused at the element that is wrong', async () => {
    for (const { expression, resource } of knownBroken) {
      const { address } = identityOf(resource);
      const put = await fetch(`${base}${address}`, { method: 'PUT', headers, body: JSON.stringify(resource) });
      const { issue = [] } = (await put.json()) as { issue?: { expression?: string[] }[] };
      const named = issue.flatMap((one) => one.expression ?? []);
      expect({ address, status: put.status, named }).toEqual({ address, status: 400, named: expression });
    }
  });

  test('every search parameter that has data in them finds it', async () => {
    const searches = new Map<string, { query: string; id: string }>();
    const searched = new Set<string>();
    const leftOut = new Map<string, LeftOut>();
    for (const text of texts) {
      const example = JSON.parse(text) as JsonObject;
      const { type, id, address } = identityOf(example);
      if (knownFaults[address] !== undefined) continue;
      for (const parameter of version.searchParameters(type).values()) {
        const name = `${type}?${parameter.code}`;
        const search = parameter.code === '_lastUpdated' ? undefined : plainSearch(parameter, example);
        if (search === undefined) continue;
        if ('leftOut' in search) {
          leftOut.set(name, search.leftOut);
          continue;
        }
        searched.add(name);
        const kind = `${name} ${search.type}`;
        if (!searches.has(kind)) searches.set(kind, { query: `${type}?${search.query}`, id });
      }
    }
    expect(searches.size).toBeGreaterThan(1_000);
    // What HL7's examples hold for a parameter, and nothing is asked for here.
    const never = [...leftOut].filter(([name]) => !searched.has(name));
    expect(Object.fromEntries(never)).toEqual(fixture(label, 'not-searched.json'));

    const missed: string[] = [];
    await inLanes([...searches.values()], async ({ query, id }) => {
      const answer = await get(`${query}&_id=${id}`);
      const text = await answer.text();
      const { entry = [] } = JSON.parse(text) as { entry?: { resource: { id: string } }[] };
      if (answer.status !== 200) missed.push(`${query}: ${answer.status} ${text.slice(0, 300)}`);
      else if (!entry.some(({ resource }) => resource.id === id)) missed.push(`${query} does not find ${id}`);
    });
    expect(missed).toEqual([]);
  }, 240_000);
});

function fixture(label: string, name: string): unknown {
  return JSON.parse(readFileSync(path.join('test', 'fixtures', 'fhir', label, name), 'utf8'));
}

/** The members of `meta` that the server adds, which stand first. */
const serverMeta = /^(\{"resourceType":"\w+","id":"[^"]+","meta":\{)"versionId":"\d+","lastUpdated":"[^"]+",?/;

/** Does `work` for each item, a few at a time. */
async function inLanes<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const waiting = items.values();
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      for (const item of waiting) await work(item);
    }),
  );
}

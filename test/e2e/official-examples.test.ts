import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { fhirVersion, readResource, type TypedValue } from '#fhir';
import { aDatabase, type CreatedProject, type RunningPlatform, startPlatform } from '#testing';

let platform: RunningPlatform;
let project: CreatedProject;
let authorization: string;

beforeAll(async () => {
  platform = await startPlatform({ databaseUrl: (await aDatabase()).url });
  project = await platform.createProject('examples');
  authorization = `Bearer ${await platform.clientToken(project)}`;
}, 120_000);

afterAll(() => platform?.stop());

/** Searches of a resource's own type by what the resource itself holds, for the parameters of its own. */
function ownSearches(resource: Record<string, unknown>): string[] {
  const queries: string[] = [];
  const version = fhirVersion('4.0.1');
  for (const parameter of version.searchParameters(String(resource['resourceType'])).values()) {
    if (parameter.code.startsWith('_')) continue;
    for (const value of parameter.evaluate(resource as never)) {
      const text = searchText(parameter.type, value);
      // A concept that has only a text, or a number, has no value to ask for yet; that it is there can be asked.
      queries.push(
        text === undefined ? `${parameter.code}:missing=false` : `${parameter.code}=${encodeURIComponent(text)}`,
      );
    }
  }
  return queries.sort((a, b) => Number(a.endsWith(':missing=false')) - Number(b.endsWith(':missing=false')));
}

function searchText(kind: string, { type, value }: TypedValue): string | undefined {
  const object = typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
  const escaped = (text: unknown): string | undefined =>
    typeof text === 'string' && text !== '' ? text.replace(/[\\,|$]/g, '\\$&') : undefined;
  switch (kind) {
    case 'token': {
      if (type === 'Identifier') return escaped(object['value']);
      if (type === 'CodeableConcept') {
        const coding = (object['coding'] as Record<string, unknown>[] | undefined)?.find((entry) => entry['code']);
        return escaped(coding?.['code']);
      }
      if (type === 'Coding') return escaped(object['code']);
      if (type === 'ContactPoint') return escaped(object['value']);
      return typeof value === 'boolean' ? String(value) : escaped(value);
    }
    case 'string': {
      if (type === 'HumanName') return escaped(object['family'] ?? object['text']);
      if (type === 'Address') return escaped(object['city'] ?? object['text']);
      return escaped(value);
    }
    case 'reference': {
      const reference = object['reference'];
      return typeof reference === 'string' && !reference.startsWith('#') ? escaped(reference) : undefined;
    }
    case 'date':
      return typeof value === 'string' ? value : undefined;
    case 'uri':
      return escaped(value);
    default:
      return undefined;
  }
}

test('every official R4 example is stored by PUT, read back byte for byte and found by its own parameters', async () => {
  const lines = (await readFile('test/fixtures/fhir/R4/examples.ndjson', 'utf8')).trim().split('\n');
  expect(lines).toHaveLength(696);
  // These have no value for any search parameter of their own type.
  const foundByIdOnly = JSON.parse(await readFile('test/fixtures/fhir/R4/found-by-id-only.json', 'utf8')) as string[];
  const base = `${project.baseUrl}fhir/R4/`;
  const refused: Record<string, string> = {};
  const notFound: string[] = [];
  const withoutParameter: string[] = [];
  for (const line of lines) {
    const example = readResource(line);
    const url = `${base}${example.resourceType}/${example.id}`;
    const put = await fetch(url, {
      method: 'PUT',
      headers: { authorization, 'content-type': 'application/fhir+json' },
      body: line,
    });
    if (put.status === 400) {
      const outcome = (await put.json()) as { issue: { expression?: string[] }[] };
      refused[`${example.resourceType}/${example.id}`] = outcome.issue[0]?.expression?.[0] ?? '';
      continue;
    }
    expect([put.status, url]).toEqual([201, url]);
    const stored = await (await fetch(url, { headers: { authorization } })).text();
    const meta = /^(\{"resourceType":"\w+","id":"[^"]+","meta":\{)"versionId":"\d+","lastUpdated":"[^"]+",?/;
    expect(meta.test(stored)).toBe(true);
    expect(stored.replace(meta, '$1')).toBe(
      `{"resourceType":"${example.resourceType}","id":"${example.id}","meta":{${example.metaMembers}}${example.otherMembers}}`,
    );

    const queries = ownSearches(example.value);
    if (queries.length === 0) {
      withoutParameter.push(url.slice(base.length));
      continue;
    }
    let found = false;
    for (const query of queries) {
      const bundle = await fetch(`${base}${example.resourceType}?${query}&_id=${example.id}`, {
        headers: { authorization },
      });
      const body = (await bundle.json()) as { entry?: { resource: { id: string } }[] };
      if (bundle.status === 200 && body.entry?.some((entry) => entry.resource.id === example.id)) found = true;
      else notFound.push(`${bundle.status} ${example.resourceType}?${query}`);
      if (found) break;
    }
    expect([found, example.resourceType, example.id]).toEqual([true, example.resourceType, example.id]);
  }
  // HL7 published four examples with mistakes; they are not among these.
  expect(refused).toEqual({});
  expect(notFound).toEqual([]);
  expect(withoutParameter.sort()).toEqual(foundByIdOnly.sort());
}, 300_000);

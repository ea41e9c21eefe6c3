/**
 * Every search parameter that the standard defines and this server can search by is tried on the official example
 * resources: a search made from a value that a resource has must find that resource.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { isJsonObject, type JsonObject, type SearchParameter, type TypedValue } from '#fhir';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { SearchableDatabase, version } from './searchable-database.js';

const examples = readFileSync(path.join('test', 'fixtures', 'fhir', 'R4', 'examples.ndjson'), 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line) as JsonObject);

let database: SearchableDatabase;

beforeAll(async () => {
  database = await SearchableDatabase.create();
  await database.put(...examples);
  await database.analyze();
});
afterAll(() => database.close());

describe('a search made from a value of an official example', () => {
  const tried = new Set<string>();

  it('finds that example, for every parameter of every type that has a value somewhere', async () => {
    const missed: string[] = [];
    for (const example of examples) {
      const type = example['resourceType'] as string;
      for (const parameter of version.searchParameters(type).values()) {
        if (tried.has(`${type}?${parameter.code}`) || parameter.code === '_lastUpdated') continue;
        const query = queryFor(parameter, parameter.evaluate(example));
        if (query === undefined) continue;
        tried.add(`${type}?${parameter.code}`);
        if (!(await database.finds(example, query))) missed.push(`${type}/${example['id'] as string}?${query}`);
      }
    }
    expect(missed).toEqual([]);
  });

  it('was made for most of the parameters', () => {
    expect(tried.size).toBeGreaterThan(900);
  });
});

/** A search for the first value from which one can be made. */
function queryFor({ code, type }: SearchParameter, values: readonly TypedValue[]): string | undefined {
  for (const value of values) {
    const text = searchText(type, value);
    if (text !== undefined && text !== '') return `${encodeURIComponent(code)}=${encodeURIComponent(text)}`;
  }
  return undefined;
}

function searchText(type: SearchParameter['type'], { type: dataType, value }: TypedValue): string | undefined {
  switch (type) {
    case 'token':
      return tokenText(dataType, value);
    case 'string':
      return escaped(firstString(value)?.slice(0, 30));
    case 'uri':
      return escaped(typeof value === 'string' ? value : undefined);
    case 'reference': {
      const reference = isJsonObject(value) ? value['reference'] : value;
      return typeof reference === 'string' && !reference.startsWith('#') ? escaped(reference) : undefined;
    }
    case 'date':
      if (typeof value === 'string') return value;
      if (isJsonObject(value) && typeof value['start'] === 'string') return `ge${value['start']}`;
      return undefined;
    case 'number':
    case 'quantity':
    case 'composite':
    case 'special':
      return undefined;
  }
}

function tokenText(dataType: string, value: TypedValue['value']): string | undefined {
  if (typeof value === 'string') return escaped(value);
  if (typeof value === 'boolean') return String(value);
  if (!isJsonObject(value)) return undefined;
  const coding = Array.isArray(value['coding']) ? value['coding'][0] : value;
  if (!isJsonObject(coding)) return undefined;
  const code = coding['code'] ?? coding['value'];
  const system = dataType === 'ContactPoint' ? undefined : coding['system'];
  if (typeof code !== 'string') return undefined;
  return `${typeof system === 'string' ? `${escaped(system)}|` : ''}${escaped(code)}`;
}

function firstString(value: TypedValue['value']): string | undefined {
  if (typeof value === 'string') return value;
  const members = isJsonObject(value) ? ['family', 'city', 'text', 'given', 'line', 'country'] : [];
  for (const member of members) {
    const found = isJsonObject(value) ? value[member] : undefined;
    const text = Array.isArray(found) ? found[0] : found;
    if (typeof text === 'string') return text;
  }
  return undefined;
}

function escaped(text: string | undefined): string | undefined {
  return text?.replace(/[\\,|$]/g, '\\$&');
}

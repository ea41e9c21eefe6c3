/** The official examples of each version go through everything this lib does. */
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { bodyHead, bodyTail, fhirVersion, readResource, supportedFhirVersions, type JsonObject } from './index.js';

const fixtures = new URL('../../../test/fixtures/fhir/', import.meta.url);
const fixture = (label: string, name: string) => readFileSync(new URL(`${label}/${name}`, fixtures), 'utf8');

describe.each(supportedFhirVersions())('the official examples of FHIR $label', ({ id, label }) => {
  const version = fhirVersion(id);
  const lines = fixture(label, 'examples.ndjson').trim().split('\n');
  const foundByIdOnly = JSON.parse(fixture(label, 'found-by-id-only.json')) as string[];

  it('are of the right structure', () => {
    const wrong = lines
      .map((line) => readResource(line))
      .map(({ resourceType, id: resourceId, value }) => ({
        resourceType,
        resourceId,
        issues: version.validate(value, 'structure'),
      }))
      .filter(({ issues }) => issues.length > 0);
    expect(wrong).toEqual([]);
  });

  it('satisfy all invariants and required bindings, but for those listed', () => {
    const broken = lines
      .map((line) => readResource(line))
      .map(({ resourceType, id: resourceId, value }) => [
        `${resourceType}/${String(resourceId)}`,
        version.validate(value).map(({ text }) => text),
      ])
      .filter(([, texts = []]) => texts.length > 0);
    expect(Object.fromEntries(broken)).toEqual(JSON.parse(fixture(label, 'broken-invariants.json')));
  });

  it('are refused at the right element where their structure is known to be wrong', () => {
    const known = JSON.parse(fixture(label, 'broken-structure.json')) as {
      expression: string[];
      resource: JsonObject;
    }[];
    for (const { expression, resource } of known) {
      expect(version.validate(resource).flatMap((issue) => issue.expression)).toEqual(expression);
    }
  });

  it('have one main date each at most, so that one column can hold it for both directions of an order', () => {
    const several = lines
      .map((line) => readResource(line))
      .filter(({ resourceType, value }) => (version.mainDate(resourceType)?.evaluate(value).length ?? 0) > 1)
      .map(({ resourceType, id: resourceId }) => `${resourceType}/${String(resourceId)}`);
    expect(several).toEqual([]);
  });

  it('have a value for a search parameter of their own type, but for those listed', () => {
    const without = lines
      .map((line) => readResource(line))
      .filter(({ resourceType, value }) =>
        [...version.searchParameters(resourceType).values()].every(
          (parameter) => parameter.code.startsWith('_') || parameter.evaluate(value).length === 0,
        ),
      )
      .map(({ resourceType, id: resourceId }) => `${resourceType}/${String(resourceId)}`);
    expect(without).toEqual(foundByIdOnly);
  });

  it('are stored as they came, but for white space, the order of the first members, and meta', () => {
    // Collected and compared by Node: Jest's own comparison of so much takes most of a minute.
    const changed: string[] = [];
    for (const line of lines) {
      const indented = JSON.stringify(JSON.parse(line), undefined, 2);
      for (const text of [line, indented]) {
        const resource = readResource(text);
        const body = `${bodyHead(resource.resourceType, String(resource.id))}1","lastUpdated":"T"${bodyTail(resource)}`;
        const { resourceType, id: resourceId, meta, ...others } = JSON.parse(text) as Record<string, object>;
        const { versionId: _v, lastUpdated: _l, ...clientMeta } = (meta ?? {}) as Record<string, unknown>;
        const stored = {
          resourceType,
          id: resourceId,
          meta: { versionId: '1', lastUpdated: 'T', ...clientMeta },
          ...others,
        };
        const finalZeros = text === line ? (line.match(/(?<=[:[,])-?\d+\.\d*0(?=[,}\]])/g) ?? []) : [];
        // Whether the text had a meta at all is told besides its content; a stored one always has.
        const readAgain = { ...readResource(body), sentAccounts: undefined };
        const isAsItCame =
          isDeepStrictEqual(JSON.parse(body), stored) &&
          finalZeros.every((number) => body.includes(number)) &&
          isDeepStrictEqual(readAgain, { ...resource, sentAccounts: undefined });
        if (!isAsItCame) changed.push(text);
      }
    }
    expect(changed).toEqual([]);
  });
});

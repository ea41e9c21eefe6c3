/** Resources in memory behind the interface of a source, for the specs. It notes what it is asked for. */
import { fhirVersion, forbidden, notFound, OutcomeError, type FhirVersion, type JsonObject } from '#fhir';
import { matchesCriteria, parseSearch } from '#fhir-search';
import type { GraphqlSource, GraphqlWriter, SearchParameters, SourceResource } from './graphql-source.js';

export interface MemorySource extends GraphqlSource {
  /** One entry per call: `read Patient/1 Patient/2`, `search Observation subject=Patient/1&_count=20`. */
  readonly calls: string[];
}

export interface MemoryOptions {
  readonly version?: FhirVersion;
  /** Types whose resources are refused. */
  readonly forbiddenTypes?: readonly string[];
  readonly writer?: GraphqlWriter;
}

export const ownBaseUrl = 'https://quay.example.org/fhir/R4/';

/** `texts` are resources in normal form. A cursor is the number of the first resource on the page. */
export function memorySource(texts: readonly string[], options: MemoryOptions = {}): MemorySource {
  const version = options.version ?? fhirVersion('4.0.1');
  const resources = texts.map((text) => ({ text, value: JSON.parse(text) as JsonObject }));
  const shown = ({ text, value }: (typeof resources)[number]): SourceResource => ({
    type: value['resourceType'] as string,
    id: value['id'] as string,
    text,
  });
  const calls: string[] = [];
  const refused = (type: string): boolean => options.forbiddenTypes?.includes(type) ?? false;

  return {
    version,
    ownBaseUrls: [ownBaseUrl],
    calls,
    ...(options.writer === undefined ? {} : { writer: options.writer }),
    readMany: async (identities) => {
      calls.push(`read ${identities.map(({ type, id }) => `${type}/${id}`).join(' ')}`);
      return identities.map(({ type, id }): SourceResource | OutcomeError => {
        if (refused(type)) return forbidden();
        const found = resources.find(({ value }) => value['resourceType'] === type && value['id'] === id);
        return found === undefined ? notFound() : shown(found);
      });
    },
    search: async (type: string, parameters: SearchParameters) => {
      calls.push(`search ${type} ${parameters.map(([name, value]) => `${name}=${value}`).join('&')}`);
      if (refused(type)) throw forbidden();
      const cursor = parameters.find(([name]) => name === '_cursor')?.[1];
      const query = parameters.filter(([name]) => name !== '_cursor');
      const request = parseSearch(version, type, query, { handling: 'strict', ownBaseUrls: [ownBaseUrl] });
      const matches = resources.filter(
        ({ value }) =>
          value['resourceType'] === type &&
          matchesCriteria(version, request.criteria, value, { ownBaseUrls: [ownBaseUrl] }),
      );
      const start = Number(cursor ?? request.offset ?? 0);
      const end = start + request.count;
      return {
        resources: matches.slice(start, end).map(shown),
        ...(request.total === 'none' ? {} : { total: matches.length }),
        ...(end < matches.length ? { next: String(end) } : {}),
      };
    },
  };
}

/**
 * What this server can do, per FHIR version (https://hl7.org/fhir/R4/capabilitystatement.html). The resource part is
 * made once per version from the version's own definitions and kept as text; only the address differs per project. The
 * statement is some 350 KiB, so the ones asked for last are kept whole: anybody may ask, and as often as he likes.
 */
import { LRUCache } from 'lru-cache';
import type { FhirVersion, SearchParameter } from '#fhir';

/** Types of search parameters that the search really supports, in the statement's own words. */
const SEARCHABLE = new Set<SearchParameter['type']>(['token', 'string', 'reference', 'date', 'uri']);

const INTERACTIONS = ['read', 'vread', 'update', 'delete', 'history-instance', 'create', 'search-type'];

const restTexts = new WeakMap<FhirVersion, string>();

export interface StatementAddress {
  /** The FHIR base of the request's route. */
  readonly fhirBase: string;
  /** The project's base URL of the request's route, on which the OAuth endpoints stand. */
  readonly baseUrl: string;
}

const MAX_KEPT_STATEMENTS = 8;
const keptStatements = new LRUCache<string, Buffer>({ max: MAX_KEPT_STATEMENTS });

/** The CapabilityStatement of a server of this version at this address, as UTF-8. Not to be changed. */
export function capabilityStatement(version: FhirVersion, address: StatementAddress): Buffer {
  const key = `${version.id} ${address.fhirBase} ${address.baseUrl}`;
  let statement = keptStatements.get(key);
  if (statement === undefined) {
    statement = Buffer.from(statementText(version, address), 'utf8');
    keptStatements.set(key, statement);
  }
  return statement;
}

function statementText(version: FhirVersion, address: StatementAddress): string {
  let rest = restTexts.get(version);
  if (rest === undefined) {
    rest = JSON.stringify(resources(version));
    restTexts.set(version, rest);
  }
  const head = {
    resourceType: 'CapabilityStatement',
    status: 'active',
    date: '2026-11-21',
    kind: 'instance',
    software: { name: 'Boxyard' },
    implementation: { description: 'FHIR server', url: address.fhirBase.replace(/\/$/, '') },
    fhirVersion: version.id,
    format: ['application/fhir+json', 'json'],
  };
  const server = {
    mode: 'server',
    security: security(address.baseUrl),
    interaction: [{ code: 'transaction' }, { code: 'batch' }],
  };
  return `${JSON.stringify(head).slice(0, -1)},"rest":[${JSON.stringify(server).slice(0, -1)},"resource":${rest}}]}`;
}

function security(baseUrl: string): object {
  return {
    cors: true,
    service: [
      {
        coding: [
          {
            system: 'http://terminology.hl7.org/CodeSystem/restful-security-service',
            code: 'SMART-on-FHIR',
          },
        ],
      },
    ],
    extension: [
      {
        url: 'http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris',
        extension: [{ url: 'token', valueUri: `${baseUrl}oauth2/token` }],
      },
    ],
  };
}

/** The types of the standard. The platform's own cannot stand here: `type` is bound to the standard's list. */
function resources(version: FhirVersion): object[] {
  const platformTypes = new Set(version.platformTypes);
  return version.resourceTypes
    .filter((type) => !platformTypes.has(type))
    .map((type) => ({
      type,
      interaction: INTERACTIONS.map((code) => ({ code })),
      versioning: 'versioned-update',
      readHistory: true,
      updateCreate: true,
      conditionalCreate: true,
      conditionalRead: 'not-match',
      conditionalUpdate: true,
      conditionalDelete: 'not-supported',
      searchParam: [...version.searchParameters(type).values()]
        .filter((parameter) => SEARCHABLE.has(parameter.type))
        .map(({ code, type: kind, url }) => ({ name: code, definition: url, type: kind })),
    }));
}

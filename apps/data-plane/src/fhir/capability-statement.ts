/**
 * What this server can do, per FHIR version (https://hl7.org/fhir/R4/capabilitystatement.html). The resource part is
 * made once per version from the version's own definitions and from what the search and the operations say of
 * themselves, and kept as text; only the address differs per project. The statement is long, so the ones asked for last
 * are kept whole: anybody may ask, and as often as they like.
 */
import { LRUCache } from 'lru-cache';
import type { FhirVersion } from '#fhir';
import { systemOperations, typeOperations } from './operations/offered-operations.js';
import { searchableParameters } from './searchable-parameters.js';

const TYPE_INTERACTIONS = [
  'read',
  'vread',
  'update',
  'patch',
  'delete',
  'history-instance',
  'history-type',
  'create',
  'search-type',
];
const SYSTEM_INTERACTIONS = ['transaction', 'batch', 'search-system', 'history-system'];
const PATCH_FORMATS = ['application/json-patch+json', 'application/fhir+json'];

/** What a server with `$export` can do (https://hl7.org/fhir/uv/bulkdata/CapabilityStatement-bulk-data.html). */
const BULK_DATA = 'http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data';

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
    instantiates: [BULK_DATA],
    software: { name: 'Boxyard' },
    implementation: { description: 'FHIR server', url: address.fhirBase.replace(/\/$/, '') },
    fhirVersion: version.id,
    format: ['application/fhir+json', 'json'],
    patchFormat: PATCH_FORMATS,
  };
  const server = {
    mode: 'server',
    security: security(address.baseUrl),
    interaction: SYSTEM_INTERACTIONS.map((code) => ({ code })),
    operation: systemOperations(version),
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
  const types = version.resourceTypes.filter((type) => !platformTypes.has(type));
  const links = referenceLinks(version, types);
  // Not every version can say this.
  const canSayPatch = version
    .structure('CapabilityStatement.rest.resource')
    ?.some(({ name }) => name === 'conditionalPatch');
  return types.map((type) => ({
    type,
    interaction: TYPE_INTERACTIONS.map((code) => ({ code })),
    versioning: 'versioned',
    readHistory: true,
    updateCreate: true,
    conditionalCreate: true,
    conditionalRead: 'full-support',
    conditionalUpdate: true,
    ...(canSayPatch === true ? { conditionalPatch: true } : {}),
    conditionalDelete: 'multiple',
    referencePolicy: ['literal', 'logical'],
    searchInclude: ['*', ...(links.from.get(type) ?? [])],
    ...(links.to.has(type) ? { searchRevInclude: links.to.get(type) } : {}),
    searchParam: searchableParameters(version, type).map(({ code, type: kind, url }) => ({
      name: code,
      definition: url,
      type: kind,
    })),
    operation: typeOperations(version, type),
  }));
}

/**
 * The reference parameters (`Observation:subject`) from each type, and to each type that they name. Those that may lead
 * to any type are not listed with every type.
 */
function referenceLinks(version: FhirVersion, types: readonly string[]) {
  const from = new Map<string, string[]>();
  const to = new Map<string, string[]>();
  const add = (links: Map<string, string[]>, type: string, link: string) =>
    links.set(type, [...(links.get(type) ?? []), link]);
  for (const type of types) {
    for (const { code, type: kind, targets } of version.searchParameters(type).values()) {
      if (kind !== 'reference') continue;
      add(from, type, `${type}:${code}`);
      if (targets.length < types.length / 2) for (const target of targets) add(to, target, `${type}:${code}`);
    }
  }
  return { from, to };
}

/**
 * Which of the operations that a FHIR version defines this server has. Each has a controller of its own in this folder
 * or, for GraphQL and value sets, beside it; the CapabilityStatement names them by their definitions, which every project
 * can read.
 */
import type { FhirVersion } from '#fhir';
import { everythingLevels } from './everything.js';

/** An operation as the CapabilityStatement names it. */
export interface OfferedOperation {
  readonly name: string;
  /** The canonical url of its OperationDefinition. */
  readonly definition: string;
}

/** Operations that are defined for certain types alone. */
const particular = new Set(['expand-profile', 'expand', 'export']);

/** Operations that are defined for all types at once, or for the system. */
const general = new Set([
  'validate',
  'meta',
  'meta-add',
  'meta-delete',
  'set-accounts',
  'expunge',
  'graphql',
  'export',
]);

/** What can be called at the base address. */
export function systemOperations(version: FhirVersion): OfferedOperation[] {
  return version
    .operations()
    .filter(({ code, system }) => system && general.has(code))
    .map(offered);
}

/** What can be called at a type, or at resources of it. */
export function typeOperations(version: FhirVersion, type: string): OfferedOperation[] {
  const everything = everythingLevels(version, type);
  return version
    .operations()
    .filter(({ code, resource, ...levels }) => {
      if (!levels.type && !levels.instance) return false;
      if (code === 'everything') return resource?.includes(type) === true && (everything.type || everything.instance);
      if (particular.has(code)) return resource?.includes(type) === true;
      return general.has(code) && resource?.includes('Resource') === true;
    })
    .map(offered);
}

const offered = ({ code, url }: { code: string; url: string }): OfferedOperation => ({ name: code, definition: url });

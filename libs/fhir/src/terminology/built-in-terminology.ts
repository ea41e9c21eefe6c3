/**
 * The value sets and code systems that come with the program: those of the FHIR version, those that HL7 publishes beside the
 * versions, and the platform's own. A version's own go before others of the same URL. What has been read is kept while it is
 * used, up to a number of codes in all.
 */
import { LRUCache } from 'lru-cache';
import type { TerminologyResource, TerminologyType } from '../definitions/terminology-archive.js';
import type { JsonObject } from '../json/json-value.js';
import { parseCanonical } from './canonical.js';
import { type CodeSystem, readCodeSystem } from './code-system.js';
import { readValueSet, type ValueSet } from './value-set.js';

/** What is there without being stored, the same for every project. Canonical references may name a version. */
export interface BuiltInTerminology {
  valueSet(canonical: string): ValueSet | undefined;
  /** Undefined also for a code system that is known by its description alone. */
  codeSystem(canonical: string): CodeSystem | undefined;
  /** The URLs of all value sets there are. */
  valueSetUrls(): readonly string[];
}

/** Of value sets, and of code systems; a code takes some 500 bytes. */
const MAX_KEPT_CODES = 20_000;

/** Nothing has so few codes that it would not take space. */
const LEAST_SIZE = 50;

/** The terminology that `resources` gives when it is first asked for; of several with the same URL the first one counts. */
export function builtInTerminology(resources: () => readonly TerminologyResource[]): BuiltInTerminology {
  let shelves: Record<TerminologyType, ReadonlyMap<string, readonly TerminologyResource[]>> | undefined;
  const shelf = (type: TerminologyType) => {
    if (shelves === undefined) {
      const all = resources();
      shelves = { ValueSet: byUrl(all, 'ValueSet'), CodeSystem: byUrl(all, 'CodeSystem') };
    }
    return shelves[type];
  };
  const find = (type: TerminologyType, canonical: string): TerminologyResource | undefined => {
    const { url, version } = parseCanonical(canonical);
    const candidates = shelf(type).get(url) ?? [];
    return version === undefined ? candidates[0] : candidates.find((candidate) => candidate.version === version);
  };
  const keptSets = new LRUCache<TerminologyResource, ValueSet>({ maxSize: MAX_KEPT_CODES });
  const keptSystems = new LRUCache<TerminologyResource, CodeSystem>({ maxSize: MAX_KEPT_CODES });

  return {
    valueSet: (canonical) => {
      const found = find('ValueSet', canonical);
      if (found === undefined) return undefined;
      const kept = keptSets.get(found);
      if (kept !== undefined) return kept;
      const valueSet = readValueSet(JSON.parse(found.text()) as JsonObject);
      keptSets.set(found, valueSet, { size: LEAST_SIZE + namedCodes(valueSet) });
      return valueSet;
    },
    codeSystem: (canonical) => {
      const found = find('CodeSystem', canonical);
      if (found === undefined) return undefined;
      const kept = keptSystems.get(found);
      if (kept !== undefined) return kept;
      const system = readCodeSystem(JSON.parse(found.text()) as JsonObject);
      if (system !== undefined) keptSystems.set(found, system, { size: LEAST_SIZE + system.concepts.size });
      return system;
    },
    valueSetUrls: () => [...shelf('ValueSet').keys()],
  };
}

function byUrl(
  resources: readonly TerminologyResource[],
  wanted: TerminologyType,
): ReadonlyMap<string, readonly TerminologyResource[]> {
  const found = new Map<string, TerminologyResource[]>();
  for (const resource of resources) {
    if (resource.type !== wanted) continue;
    const others = found.get(resource.url);
    if (others === undefined) found.set(resource.url, [resource]);
    else others.push(resource);
  }
  return found;
}

function namedCodes({ compose, expansion }: ValueSet): number {
  const named = compose?.include.reduce((sum, { codes }) => sum + (codes?.length ?? 0), 0) ?? 0;
  return named + (expansion?.length ?? 0);
}

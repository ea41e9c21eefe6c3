/**
 * The profiles of a project, as they are at this moment. Which versions of its StructureDefinitions are current is looked up
 * each time, so that what any process has written counts at once; what a version says never changes, so it is read once.
 */
import { setImmediate } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import { compareVersions, parseCanonical, type JsonObject, type Profile } from '#fhir';
import { canonicalToken } from '#fhir-search';
import type { ReadingScope } from '../reading/reading-scope.js';
import type { TenantDatabase } from '../tenant-database.js';
import { ProfileTime, ranOut } from './profile-costs.js';
import { findDefinitionBodies, findDefinitions } from './definitions.sql.js';

/** A stored StructureDefinition: a profile, or why it is none. */
export type StoredDefinition = Profile | { readonly version?: string; readonly problem: string };

export const isProfile = (definition: StoredDefinition): definition is Profile => !('problem' in definition);

/** By project and version, what StructureDefinitions say. */
const read = new LRUCache<string, StoredDefinition>({ maxSize: 100_000_000 });

/** Roughly what is kept of a definition, in bytes; names may be as long as the definition itself. */
const sizeOf = (definition: StoredDefinition, body: string | null): number =>
  Math.ceil(500 + (isProfile(definition) ? definition.weight : 0) + (body?.length ?? 0) / 10);

/** By project and version, definitions that have lately taken too long to be read. */
const costly = new LRUCache<string, true>({ max: 1_000, ttl: 10_000 });

/** By project and url, the urls of all that the profile has led to, so that all is asked for at once the next time. */
const leads = new LRUCache<string, readonly string[]>({
  maxSize: 50_000,
  sizeCalculation: (urls) => urls.length,
});

/**
 * So far profiles are followed from one to the next, and from each that is claimed to so many in all; what is beyond is not
 * checked.
 */
const maxSteps = 10;
const maxUrls = 100;

/** So many urls are looked up at a time, and so many definitions read, since they may be long. */
const urlsAtOnce = 100;
const chunkSize = 10;

export class ProjectProfiles {
  /** By url, what has been found; the latest first. */
  private readonly found = new Map<string, readonly StoredDefinition[]>();
  /** The urls of which all that they lead to has been looked up. */
  private readonly complete = new Set<string>();
  private readonly time: ProfileTime;

  constructor(
    private readonly tenant: TenantDatabase,
    private readonly scope: ReadingScope,
  ) {
    this.time = new ProfileTime(tenant.projectId);
  }

  /**
   * Looks up what is stored under the canonical references, and what it leads to. One statement when all of it has been
   * read before, and none for what this object has looked up already. Throws `too-costly` when one of
   * them, or all of them, take longer to be read than they may, and 503 when the machine has too much else to do.
   */
  async load(canonicals: readonly string[]): Promise<void> {
    const roots = urlsOf(canonicals).filter((url) => !this.complete.has(url));
    if (roots.length === 0) return;
    let wanted = new Set([...roots, ...roots.flatMap((url) => leads.get(this.key(url)) ?? [])]);
    for (let step = 0; step < maxSteps; step++) {
      const unknown = [...wanted].filter((url) => !this.found.has(url));
      if (unknown.length === 0 && step > 0) break;
      for (let at = 0; at < unknown.length; at += urlsAtOnce) await this.lookUp(unknown.slice(at, at + urlsAtOnce));
      // Of each by itself: what else the request claims must not keep anything from being checked.
      wanted = new Set(roots.flatMap((root) => this.reachedFrom(root)));
    }
    for (const url of roots) {
      this.complete.add(url);
      this.noteLeads(url);
    }
  }

  /** What is stored under the canonical reference: without a version the newest. It must have been loaded. */
  definition(canonical: string): StoredDefinition | undefined {
    const { url, version } = parseCanonical(canonical);
    const candidates = this.found.get(url) ?? [];
    if (version !== undefined) return candidates.find((candidate) => candidate.version === version);
    return candidates.toSorted((a, b) => compareVersions(b.version, a.version))[0];
  }

  /** The same, if it is a profile. */
  readonly find = (canonical: string): Profile | undefined => {
    const definition = this.definition(canonical);
    return definition !== undefined && isProfile(definition) ? definition : undefined;
  };

  private async lookUp(urls: readonly string[]): Promise<void> {
    const { version, hasher } = this.tenant;
    const tokens = new Map(urls.map((url) => [canonicalToken(version, hasher, 'StructureDefinition', url), url]));
    const rows = await this.scope.lookUp((connection) => findDefinitions(connection, [...tokens.keys()]));
    const known = new Map<string, StoredDefinition>();
    for (const { rowId, versionId } of rows) {
      const definition = read.get(this.key(versionId));
      if (definition !== undefined) known.set(rowId, definition);
    }
    const unknown = new Set(rows.map(({ rowId }) => rowId).filter((rowId) => !known.has(rowId)));
    await this.readBodies([...unknown], known);
    const found = new Map<string, StoredDefinition[]>(urls.map((url) => [url, []]));
    for (const { token, rowId } of rows) {
      const definition = known.get(rowId);
      if (definition !== undefined) found.get(tokens.get(token) ?? '')?.push(definition);
    }
    for (const [url, definitions] of found) this.found.set(url, definitions);
  }

  /** Adds what the rows say to `known`. */
  private async readBodies(rowIds: readonly string[], known: Map<string, StoredDefinition>): Promise<void> {
    for (let at = 0; at < rowIds.length; at += chunkSize) {
      const chunk = rowIds.slice(at, at + chunkSize);
      const bodies = await this.scope.lookUp((connection) => findDefinitionBodies(connection, chunk));
      for (const { rowId, versionId, body } of bodies) {
        const definition = this.readDefinition(versionId, body);
        known.set(rowId, definition);
        read.set(this.key(versionId), definition, { size: sizeOf(definition, body) });
        // Others get their turn between two of them.
        await setImmediate();
      }
    }
  }

  private readDefinition(versionId: string, body: string | null): StoredDefinition {
    if (body === null) return { problem: 'is too long' };
    const { projectId, version: fhirVersion } = this.tenant;
    const key = this.key(versionId);
    if (costly.has(key)) throw ranOut(projectId, 'resting');
    const { version, profile } = this.time.spend(() => {
      const definition = JSON.parse(body) as JsonObject;
      return { version: definition.version, profile: fhirVersion.profiles.compile(definition) };
    });
    if ('ranOut' in profile) {
      if (profile.ranOut === 'itself') costly.set(key, true);
      throw ranOut(projectId, profile.ranOut);
    }
    return typeof version === 'string' ? { ...profile, version } : profile;
  }

  /** The urls to which the profile leads, as far as they have been looked up. */
  private reachedFrom(root: string): readonly string[] {
    const reached = new Set<string>();
    const waiting = [root];
    for (let url = waiting.pop(); url !== undefined && reached.size < maxUrls; url = waiting.pop()) {
      const needs = (this.found.get(url) ?? []).filter(isProfile).flatMap((profile) => profile.needs);
      for (const further of urlsOf(needs)) {
        if (reached.has(further)) continue;
        reached.add(further);
        waiting.push(further);
      }
    }
    return [...reached].slice(0, maxUrls);
  }

  private noteLeads(root: string): void {
    const reached = this.reachedFrom(root);
    if (reached.length > 0) leads.set(this.key(root), reached);
    else leads.delete(this.key(root));
  }

  private key(name: string): string {
    return `${this.tenant.projectId} ${name}`;
  }
}

/** Longer than any address that a profile has. */
const maxUrlLength = 1_000;

const urlsOf = (canonicals: readonly string[]): string[] => [
  ...new Set(canonicals.map((canonical) => parseCanonical(canonical).url).filter((url) => url.length <= maxUrlLength)),
];

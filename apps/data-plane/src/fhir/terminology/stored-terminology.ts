/**
 * The value sets and code systems of one project as one caller may see them, before those that come with the program. They
 * are found by a search in the caller's name: one that the policy does not show, and one whose decisive fields it hides, is
 * the same as one that is not there. Nothing of them outlives the request.
 */
import { setImmediate } from 'node:timers/promises';
import {
  type CodeSystem,
  codeSystemReader,
  compareVersions,
  type FhirVersion,
  type JsonObject,
  memberName,
  OutcomeError,
  parseCanonical,
  readValueSet,
  spansOf,
  type TerminologySource,
  tooCostly,
  type ValueSet,
} from '#fhir';
import { escapeValue, maxPageBytes, parseSearch } from '#fhir-search';
import type { ResourceRepository, StoredVersion } from '#fhir-store';

/** How many URLs a search asks for, and how many resources a page of it has. */
const URLS_AT_ONCE = 100;
const PAGE_SIZE = 100;

type TerminologyType = 'ValueSet' | 'CodeSystem';

/** A resource with what it is found by. */
interface Found {
  readonly stored: StoredVersion;
  readonly url?: string;
  readonly version?: string;
}

/** What one request computes an expansion from. */
export class StoredTerminology implements TerminologySource {
  /** The stored resources that were made use of. */
  readonly used: StoredVersion[] = [];
  private readonly readCodeSystem = codeSystemReader();
  private bytes = 0;

  constructor(
    private readonly repository: ResourceRepository,
    private readonly version: FhirVersion,
  ) {}

  async valueSets(canonicals: readonly string[]): Promise<ReadonlyMap<string, ValueSet>> {
    const builtIn = (canonical: string) => this.version.terminology.valueSet(canonical);
    return this.found('ValueSet', canonicals, readValueSet, builtIn);
  }

  async codeSystems(canonicals: readonly string[]): Promise<ReadonlyMap<string, CodeSystem>> {
    const builtIn = (canonical: string) => this.version.terminology.codeSystem(canonical);
    return this.found('CodeSystem', canonicals, this.readCodeSystem, builtIn);
  }

  private async found<Read extends object>(
    type: TerminologyType,
    canonicals: readonly string[],
    read: (resource: JsonObject) => Read | undefined,
    builtIn: (canonical: string) => Read | undefined,
  ): Promise<ReadonlyMap<string, Read>> {
    const stored = await this.stored(type, canonicals);
    const found = new Map<string, Read>();
    for (const canonical of canonicals) {
      // Each of them may be long, and others get their turn between two.
      await setImmediate();
      const own = newest(stored, canonical)?.stored;
      const readOwn = own === undefined ? undefined : read(JSON.parse(own.body) as JsonObject);
      if (own !== undefined && readOwn !== undefined) this.used.push(own);
      const one = readOwn ?? builtIn(canonical);
      if (one !== undefined) found.set(canonical, one);
    }
    return found;
  }

  private async stored(type: TerminologyType, canonicals: readonly string[]): Promise<readonly Found[]> {
    const urls = [...new Set(canonicals.map((canonical) => parseCanonical(canonical).url))].filter((url) => url !== '');
    const found: Found[] = [];
    for (let start = 0; start < urls.length; start += URLS_AT_ONCE) {
      found.push(...(await this.search(type, urls.slice(start, start + URLS_AT_ONCE))));
    }
    return found;
  }

  /** Everything that has one of these URLs. Who may not search the type by its URL sees none of the project's. */
  private async search(type: TerminologyType, urls: readonly string[]): Promise<Found[]> {
    const found: Found[] = [];
    let cursor: string | undefined;
    do {
      const query: [string, string][] = [
        ['url', urls.map(escapeValue).join(',')],
        ['_count', String(PAGE_SIZE)],
        ...(cursor === undefined ? [] : [['_cursor', cursor] as [string, string]]),
      ];
      const page = await this.repository
        .search(parseSearch(this.version, type, query, { handling: 'strict' }))
        .catch(noneWhenForbidden);
      for (const stored of page.hits) {
        this.bytes += stored.body.length;
        found.push({ stored, ...namesOf(stored.body) });
      }
      if (this.bytes > maxPageBytes) throw tooCostly('The value set is made of more resources than one answer reads.');
      cursor = page.next;
    } while (cursor !== undefined);
    return found;
  }
}

function noneWhenForbidden(error: unknown): { hits: StoredVersion[]; next?: string } {
  if (error instanceof OutcomeError && error.category === 'forbidden') return { hits: [] };
  throw error;
}

/** `url` and `version` of a resource, read from its text: most of those that are found are not looked at any further. */
function namesOf(body: string): { url?: string; version?: string } {
  const names: { url?: string; version?: string } = {};
  for (const span of spansOf(body)) {
    const name = memberName(body, span);
    if (name === 'url' || name === 'version') names[name] = JSON.parse(body.slice(span.value, span.end)) as string;
  }
  return names;
}

/** Of those with the URL, the one in the version that is named, or else the newest; of equals the one that was stored last. */
function newest(found: readonly Found[], canonical: string): Found | undefined {
  const { url, version } = parseCanonical(canonical);
  return found
    .filter((one) => one.url === url && (version === undefined || one.version === version))
    .toSorted(
      (a, b) => compareVersions(b.version, a.version) || Number(b.stored.versionId) - Number(a.stored.versionId),
    )[0];
}

/** What the server says of itself, and what the two sides have: of this the requests of the crawl are made. */
import type { FhirVersion, JsonObject, SearchParameter } from '#fhir';
import type { SeededRandom } from '#testing';
import { identityOf } from '../../../conformance/identity.js';
import { searchValue, type SearchValue } from '../../../conformance/search/random/search-values.js';

/** A type as the CapabilityStatement describes it, as far as the crawl goes by it. */
export interface DeclaredType {
  readonly type: string;
  readonly searchParam: readonly { readonly name: string; readonly type: string }[];
  readonly searchInclude: readonly string[];
  readonly searchRevInclude?: readonly string[];
  readonly operation: readonly { readonly name: string }[];
}

/** All that requests are made of. */
export class Declared {
  private readonly theirsByType = new Map<string, JsonObject[]>();

  constructor(
    readonly version: FhirVersion,
    readonly types: readonly DeclaredType[],
    readonly ours: readonly JsonObject[],
    readonly theirs: readonly JsonObject[],
    readonly random: SeededRandom,
  ) {
    for (const resource of theirs) {
      const { type } = identityOf(resource);
      this.theirsByType.set(type, [...(this.theirsByType.get(type) ?? []), resource]);
    }
  }

  theirsOf(type: string): readonly JsonObject[] {
    return this.theirsByType.get(type) ?? [];
  }

  oursOf(type: string): readonly JsonObject[] {
    return this.ours.filter((resource) => resource['resourceType'] === type);
  }

  parameter(type: string, code: string): SearchParameter | undefined {
    return this.version.searchParameters(type).get(code);
  }

  /** Values of the other side for a parameter, as a client would ask for them; at most `count`. */
  valuesOf(type: string, code: string, count: number): SearchValue[] {
    const parameter = this.parameter(type, code);
    // Of the moments of versions nothing can be said for two projects at once.
    if (parameter === undefined || code === '_lastUpdated') return [];
    const found = this.theirsOf(type).flatMap((resource) => parameter.evaluate(resource));
    const values: SearchValue[] = [];
    for (let tries = 0; tries < count * 3 && values.length < count && found.length > 0; tries++) {
      const made = searchValue(parameter, this.random.pick(found), this.random);
      if (made !== undefined) values.push(made);
    }
    return values;
  }

  /** `name:modifier=value`, percent-encoded, for values of the other side. */
  criteria(type: string, code: string, count: number): string[] {
    return this.valuesOf(type, code, count).map(
      ({ modifier, text }) => `${code}${modifier === undefined ? '' : `:${modifier}`}=${encodeURIComponent(text)}`,
    );
  }

  /** One criterion of the type by a parameter that has values, if any has. */
  anyCriterion(type: string, kinds: readonly string[] = ['string', 'token', 'date']): string | undefined {
    const declared = this.types.find((other) => other.type === type)?.searchParam ?? [];
    const fitting = declared.filter((parameter) => kinds.includes(parameter.type));
    for (let tries = 0; tries < 6 && fitting.length > 0; tries++) {
      const [criterion] = this.criteria(type, this.random.pick(fitting).name, 1);
      if (criterion !== undefined) return criterion;
    }
    return undefined;
  }
}

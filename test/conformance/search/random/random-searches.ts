import { isJsonObject, type FhirVersion, type JsonObject, type SearchParameter, type TypedValue } from '#fhir';
import type { SeededRandom } from '#testing';
import { searchValue } from './search-values.js';
import { identityOf } from '../../identity.js';

interface ParameterValues {
  readonly parameter: SearchParameter;
  readonly values: readonly TypedValue[];
  /** Of a composite: for each node of a resource, the values of each component. */
  readonly nodes: readonly (readonly (readonly TypedValue[])[])[];
}

/** A reference that leads from resources of one type to those of another. */
interface Link {
  readonly from: string;
  readonly code: string;
  readonly to: string;
}

const maxValues = 200;

/**
 * Searches over given resources, of every kind that their parameters allow. Left out are values inside contained resources
 * and Bundles, canonical addresses as links, and joined words: the tables of cases have these.
 */
export class RandomSearches {
  private readonly parameters = new Map<string, ParameterValues[]>();
  private readonly links: Link[] = [];
  private readonly types: string[];

  constructor(
    private readonly version: FhirVersion,
    private readonly resources: readonly JsonObject[],
    private readonly random: SeededRandom,
  ) {
    const known = new Set(resources.map((resource) => identityOf(resource).address));
    for (const type of new Set(resources.map((resource) => identityOf(resource).type))) {
      const ofType = resources.filter(({ resourceType }) => resourceType === type);
      const all = [...version.searchParameters(type).values()].map((parameter) => ({
        parameter,
        values: ofType.flatMap((resource) => parameter.evaluate(resource)).slice(0, maxValues),
        nodes: ofType.flatMap((resource) => nodesOf(parameter, resource)).slice(0, maxValues),
      }));
      this.parameters.set(type, all);
      for (const { parameter, values } of all) {
        if (parameter.type !== 'reference') continue;
        const targets = new Set(
          values
            .flatMap(referenceOf)
            .filter((target) => known.has(target))
            .map(typeOf),
        );
        for (const to of targets) this.links.push({ from: type, code: parameter.code, to });
      }
    }
    this.types = [...this.parameters.keys()];
  }

  /** `Type?query`, perhaps in a compartment, with up to three criteria and perhaps an order. */
  next(): string {
    const { random } = this;
    // Half of the searches are about types that are linked with others, where there is most to go wrong.
    const type = random.chance(0.5) ? random.pick(this.links).from : random.pick(this.types);
    const criteria = Array.from({ length: 1 + random.below(3) }, () => this.criterion(type, 2));
    const sort = random.chance(0.3) ? [`_sort=${this.sort(type)}`] : [];
    const owner = random.chance(0.05) && this.version.compartment('Patient').has(type) ? this.anyPatient() : '';
    return `${owner}${type}?${[...criteria.filter((text) => text !== undefined), ...sort].join('&')}`;
  }

  private anyPatient(): string {
    const ids = this.idsOf('Patient');
    return ids.length > 0 ? `Patient/${this.random.pick(ids)}/` : '';
  }

  private criterion(type: string, depth: number): string | undefined {
    const { random } = this;
    if (depth > 0 && random.chance(0.15)) return this.chain(type, depth) ?? this.simple(type);
    if (depth > 0 && random.chance(0.1)) return this.reverse(type, depth) ?? this.simple(type);
    if (depth > 1 && random.chance(0.05)) return this.filter(type);
    if (random.chance(0.03)) return this.words(type);
    if (depth > 1 && random.chance(0.02)) return this.list();
    return this.simple(type);
  }

  private chain(type: string, depth: number): string | undefined {
    const link = this.linkWhere((other) => other.from === type);
    const end = link && this.criterion(link.to, depth - 1);
    if (!link || end === undefined) return undefined;
    return `${link.code}${this.random.chance(0.7) ? `:${link.to}` : ''}.${end}`;
  }

  private reverse(type: string, depth: number): string | undefined {
    const link = this.linkWhere((other) => other.to === type);
    const end = link && this.criterion(link.from, depth - 1);
    return link && end !== undefined ? `_has:${link.from}:${link.code}:${end}` : undefined;
  }

  private linkWhere(test: (link: Link) => boolean): Link | undefined {
    const fitting = this.links.filter(test);
    return fitting.length > 0 ? this.random.pick(fitting) : undefined;
  }

  private simple(type: string): string | undefined {
    const { random } = this;
    const { parameter, values, nodes } = random.pick(this.parametersWithValues(type));
    if (parameter.type === 'composite') return this.composite(parameter, nodes);
    if (random.chance(0.05)) return `${parameter.code}:missing=${random.pick(['true', 'false'])}`;
    const made = searchValue(parameter, random.pick(values), random);
    if (made === undefined) return undefined;
    const texts = [made.text];
    while (random.chance(0.25)) {
      const more = searchValue(parameter, random.pick(values), random);
      if (more !== undefined && more.modifier === made.modifier) texts.push(more.text);
    }
    const name = made.modifier === undefined ? parameter.code : `${parameter.code}:${made.modifier}`;
    return `${name}=${texts.map(encodeURIComponent).join(',')}`;
  }

  /** Mostly the components of one node; sometimes of two, which only a resource that mixes them up would satisfy. */
  private composite(parameter: SearchParameter, nodes: ParameterValues['nodes']): string | undefined {
    const { random } = this;
    if (nodes.length === 0) return undefined;
    const node = random.pick(nodes);
    const parts = parameter.components.map((component, place) => {
      const values = (random.chance(0.8) ? node : random.pick(nodes))[place] ?? [];
      const made = values.length > 0 ? searchValue(component, random.pick(values), random) : undefined;
      return made?.modifier === undefined ? made?.text : undefined;
    });
    if (parts.some((part) => part === undefined)) return undefined;
    return `${parameter.code}=${encodeURIComponent(parts.join('$'))}`;
  }

  private filter(type: string): string | undefined {
    const [first, second, third] = [this.filterTest(type), this.filterTest(type), this.filterTest(type)];
    if (first === undefined || second === undefined || third === undefined) return undefined;
    const { random } = this;
    const text = `${first} ${random.pick(['and', 'or'])} (${second} ${random.pick(['and', 'or'])} not (${third}))`;
    return `_filter=${encodeURIComponent(text)}`;
  }

  private filterTest(type: string): string | undefined {
    const { random } = this;
    const { parameter, values } = random.pick(this.parametersWithValues(type));
    const value = values.find((found) => typeof found.value === 'string')?.value;
    if (typeof value !== 'string' || !['string', 'token', 'date'].includes(parameter.type)) {
      return `${parameter.code} pr ${random.pick(['true', 'false'])}`;
    }
    const operators = { string: ['eq', 'co', 'sw', 'ne'], token: ['eq', 'ne'], date: ['eq', 'ne', 'gt', 'le'] };
    const operator = random.pick(operators[parameter.type as keyof typeof operators]);
    return `${parameter.code} ${operator} ${JSON.stringify(value.slice(0, 100).replaceAll('|', ''))}`;
  }

  /** One or two words out of any text. */
  private words(type: string): string | undefined {
    const { random } = this;
    const texts = this.parametersWithValues(type).flatMap(({ values }) =>
      values.map(({ value }) => JSON.stringify(value)),
    );
    const words = texts.length > 0 ? (random.pick(texts).match(/[\p{L}\p{N}]{3,}/gu) ?? []) : [];
    if (words.length === 0) return undefined;
    const wanted = Array.from({ length: 1 + random.below(2) }, () => random.pick(words));
    return `${random.pick(['_text', '_content'])}=${encodeURIComponent(wanted.join(' '))}`;
  }

  private list(): string | undefined {
    const ids = this.idsOf('List');
    return ids.length > 0 ? `_list=${this.random.pick(ids)}` : undefined;
  }

  private idsOf(type: string): string[] {
    return this.resources.map(identityOf).flatMap((identity) => (identity.type === type ? [identity.id] : []));
  }

  private parametersWithValues(type: string): ParameterValues[] {
    return (this.parameters.get(type) ?? []).filter(({ values }) => values.length > 0);
  }

  private sort(type: string): string {
    const { random } = this;
    const keys = Array.from({ length: 1 + random.below(2) }, () => {
      // What every resource has and none is sorted by would make most of the refusals.
      const sortable = this.parametersWithValues(type).filter(({ parameter }) => parameter.code !== '_compartment');
      const { parameter } = random.pick(sortable);
      return random.pick(['', '-']) + parameter.code;
    });
    return keys.join(',');
  }
}

/** Of a composite: the values of each component, for each node of the resource. */
const nodesOf = (parameter: SearchParameter, resource: JsonObject): TypedValue[][][] =>
  parameter.type !== 'composite'
    ? []
    : parameter
        .evaluate(resource)
        .map((node) => parameter.components.map((component) => component.evaluate(node, resource)));

function referenceOf({ value }: TypedValue): string[] {
  const inner = isJsonObject(value) && isJsonObject(value['reference']) ? value['reference'] : value;
  const text = isJsonObject(inner) ? inner['reference'] : inner;
  return typeof text === 'string' ? [text] : [];
}

const typeOf = (reference: string): string => reference.slice(0, reference.indexOf('/'));

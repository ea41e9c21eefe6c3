/**
 * The filters of a value set's `include` (https://hl7.org/fhir/R4/valueset-filter-operator.html), over the concepts of a
 * code system.
 */
import type { OutcomeError } from '../outcomes/outcome-error.js';
import { childrenOf, type CodeSystem, type Concept, reachedFrom } from './code-system.js';
import { cannotBeComputed } from './not-computable.js';

export interface CodeFilter {
  readonly property: string;
  readonly op: string;
  readonly value: string;
}

/**
 * The concepts that satisfy all filters, in the order of the system. Throws what `cannotBeComputed` makes for a filter that
 * this server does not have, and for one about a code or a property that the system does not have.
 */
export function filterConcepts(system: CodeSystem, filters: readonly CodeFilter[]): Concept[] {
  const tests = filters.map((filter) => testOf(system, filter));
  return [...system.concepts.values()].filter((concept) => tests.every((test) => test(concept)));
}

type Test = (concept: Concept) => boolean;

function testOf(system: CodeSystem, filter: CodeFilter): Test {
  const { property } = filter;
  if (property === 'concept' || property === 'code') return conceptTest(system, filter);
  if (property === 'parent' || (property === 'child' && !system.properties.has('child')))
    return relationTest(system, filter);
  return propertyTest(system, filter);
}

/** Filters about what a concept is: its code, and its place among the others. */
function conceptTest(system: CodeSystem, filter: CodeFilter): Test {
  const { op, value } = filter;
  switch (op) {
    case '=':
      return ({ code }) => code === value;
    case 'in':
    case 'not-in': {
      const codes = listOf(value);
      return ({ code }) => codes.has(code) === (op === 'in');
    }
    case 'exists':
      return () => value === 'true';
    case 'is-a':
    case 'is-not-a':
    case 'descendent-of':
    case 'descendent-leaf':
    case 'child-of': {
      assertKnown(system, value);
      const children = childrenOf(system);
      const next = (code: string) => children.get(code) ?? [];
      if (op === 'child-of') return ({ parents }) => parents.has(value);
      const below = reachedFrom(value, next);
      if (op === 'is-a') return ({ code }) => code === value || below.has(code);
      if (op === 'is-not-a') return ({ code }) => code !== value && !below.has(code);
      if (op === 'descendent-of') return ({ code }) => below.has(code) && code !== value;
      return ({ code }) => below.has(code) && next(code).length === 0;
    }
    case 'generalizes': {
      assertKnown(system, value);
      const above = reachedFrom(value, (code) => system.concepts.get(code)?.parents ?? noCodes);
      return ({ code }) => code === value || above.has(code);
    }
    default:
      throw unknownFilter(system, filter);
  }
}

/** Filters about the concepts directly above (`parent`) or below (`child`). */
function relationTest(system: CodeSystem, filter: CodeFilter): Test {
  const { property, op, value } = filter;
  const children = property === 'child' ? childrenOf(system) : undefined;
  const related = ({ code, parents }: Concept) => (children === undefined ? [...parents] : (children.get(code) ?? []));
  return valuesTest(system, filter, op, value, related);
}

function propertyTest(system: CodeSystem, filter: CodeFilter): Test {
  const { property, op, value } = filter;
  if (property === 'display') {
    return valuesTest(system, filter, op, value, ({ display }) => (display === undefined ? [] : [display]));
  }
  const valuesOf = ({ properties }: Concept) =>
    properties.flatMap(([code, other]) => (code === property ? [other] : []));
  const isKnown =
    system.properties.has(property) || [...system.concepts.values()].some((concept) => valuesOf(concept).length > 0);
  if (!isKnown) throw cannotBeComputed(`The code system ${system.url} has no property '${property}'.`);
  return valuesTest(system, filter, op, value, valuesOf);
}

function valuesTest(
  system: CodeSystem,
  filter: CodeFilter,
  op: string,
  value: string,
  valuesOf: (concept: Concept) => readonly string[],
): Test {
  switch (op) {
    case '=':
      return (concept) => valuesOf(concept).includes(value);
    case 'in':
    case 'not-in': {
      const listed = listOf(value);
      return (concept) => valuesOf(concept).some((other) => listed.has(other)) === (op === 'in');
    }
    case 'exists':
      return (concept) => valuesOf(concept).length > 0 === (value === 'true');
    default:
      throw unknownFilter(system, filter);
  }
}

const noCodes: ReadonlySet<string> = new Set();

const listOf = (value: string): ReadonlySet<string> => new Set(value.split(',').map((part) => part.trim()));

function assertKnown({ url, concepts }: CodeSystem, code: string): void {
  if (!concepts.has(code)) throw cannotBeComputed(`The code system ${url} has no code '${code}'.`);
}

/** Among these is `regex`: an expression of anybody's could keep the server busy for as long as they like. */
function unknownFilter({ url }: CodeSystem, { property, op }: CodeFilter): OutcomeError {
  return cannotBeComputed(`The filter '${property} ${op}' on the code system ${url} is not supported.`);
}

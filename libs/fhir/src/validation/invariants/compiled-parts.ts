/**
 * The parts of which compiled invariants are made: collections and truths, and FHIRPath's ways to combine them
 * (https://hl7.org/fhirpath/N1/#operations).
 */
import { dateInterval } from '../../dates/date-interval.js';
import type { Scope } from './invariant-test.js';
import { noValue, type Item, type Types } from './paths.js';

/** FHIRPath's three truth values; `undefined` is the empty collection. */
export type Truth = boolean | undefined;

/** A compiled part of an expression. */
export type Compiled =
  { kind: 'items'; types: Types; items: (self: Item, scope: Scope) => Item[] } | { kind: 'truth'; truth: TruthOf };

export type TruthOf = (self: Item, scope: Scope) => Truth;

/** A collection whose items are of the types given. */
export type Items = Extract<Compiled, { kind: 'items' }>;

/** Thrown where a resource turns out to be none of the simple cases. */
export const leaveToFhirpath = new Error('this resource needs the fhirpath package');

/** Types that are compared as the JSON values they are. */
const comparable = new Set(['string', 'code', 'uri', 'url', 'canonical', 'id', 'oid', 'uuid', 'markdown', 'boolean']);
const numbers = new Set(['integer', 'positiveInt', 'unsignedInt']);
const ordered = new Set([...numbers, 'decimal']);
const dates = new Set(['date', 'dateTime', 'instant']);

/** True when equal values of the type are equal in JSON. */
export function isComparable(type: string): boolean {
  return comparable.has(type) || numbers.has(type);
}

/** The items, which must be values. */
export function valuesOf(source: Items, self: Item, scope: Scope): Item[] {
  const items = source.items(self, scope);
  if (items.includes(noValue)) throw leaveToFhirpath;
  return items;
}

/**
 * The items without repetitions. What has no value repeats nothing, whatever its extensions are; fhirpath would compare
 * those, each with each.
 */
export function distinctOf(items: Item[]): Item[] {
  const values = new Set<Item>();
  return items.filter((item) => item === noValue || (!values.has(item) && values.add(item)));
}

/** The truth of what may be a collection: that of its one item, and true for one that is no boolean. */
export function truthOf(compiled: Compiled): TruthOf {
  if (compiled.kind === 'truth') return compiled.truth;
  return (self, scope) => {
    const items = valuesOf(compiled, self, scope);
    if (items.length > 1) throw leaveToFhirpath;
    return items.length === 0 ? undefined : items[0] !== false;
  };
}

/** FHIRPath's `not()`. */
export function negation(truth: Truth): Truth {
  return truth === undefined ? undefined : !truth;
}

/** FHIRPath's Boolean logic (https://hl7.org/fhirpath/N1/#boolean-logic): what is empty may be either. */
export function connect(operator: 'and' | 'or' | 'xor' | 'implies', first: TruthOf, second: TruthOf): TruthOf {
  // These decide by the first operand alone where they can; the second may be costly.
  const decisive = { and: false, or: true, implies: false, xor: undefined }[operator];
  return (self, scope) => {
    const left = first(self, scope);
    if (decisive !== undefined && left === decisive) return operator !== 'and';
    const right = second(self, scope);
    switch (operator) {
      case 'and':
        return right === false ? false : left === undefined ? undefined : right;
      case 'or':
        return right === true ? true : left === undefined ? undefined : right;
      case 'implies':
        return right === true ? true : left === undefined ? undefined : right;
      case 'xor':
        return left === undefined || right === undefined ? undefined : left !== right;
    }
  };
}

/** `=` (or with `wanted` false, `!=`) of two single values. */
export function equality(first: Compiled, second: Compiled, wanted: boolean): Compiled | undefined {
  const [left, right] = [toItems(first), toItems(second)];
  const known = new Set([...comparable, ...numbers]);
  return comparison(left, right, known, (a, b) => (a === b) === wanted);
}

/** A truth as the collection that it is in FHIRPath. */
export function toItems(compiled: Compiled): Items {
  if (compiled.kind === 'items') return compiled;
  return {
    kind: 'items',
    types: ['boolean'],
    items: (self, scope) => {
      const truth = compiled.truth(self, scope);
      return truth === undefined ? [] : [truth];
    },
  };
}

/** What `relation` says of two texts, as in `startsWith`. */
export function textRelation(left: Items, right: Items, relation: (text: string, part: string) => boolean) {
  return comparison(left, right, comparable, (a, b) => {
    if (typeof a !== 'string' || typeof b !== 'string') throw leaveToFhirpath;
    return relation(a, b);
  });
}

type Order = '<' | '<=' | '>' | '>=';

/** The order of two numbers or dates. Dates of equal length are of equal precision; else FHIRPath may have no answer. */
export function ordering(operator: Order, left: Items, right: Items): Compiled | undefined {
  return (
    comparison(left, right, ordered, (a, b) => compare(operator, Number(a), Number(b))) ??
    comparison(left, right, dates, (a, b) => {
      if (typeof a !== 'string' || typeof b !== 'string' || a.length !== b.length) throw leaveToFhirpath;
      const [first, second] = [dateInterval(a), dateInterval(b)];
      if (!first || !second) throw leaveToFhirpath;
      return compare(operator, first.start, second.start);
    })
  );
}

/** A relation of two single values, whose types must be among those given; empty when one of them is. */
function comparison(
  left: Items,
  right: Items,
  known: ReadonlySet<string>,
  relation: (left: Item, right: Item) => boolean,
): Compiled | undefined {
  if (![...left.types, ...right.types].every((type) => known.has(type))) return undefined;
  return {
    kind: 'truth',
    truth: (self, scope) => {
      const [a, b] = [valuesOf(left, self, scope), valuesOf(right, self, scope)];
      if (a.length === 0 || b.length === 0) return undefined;
      if (a.length > 1 || b.length > 1) throw leaveToFhirpath;
      return relation(a[0] as Item, b[0] as Item);
    },
  };
}

/** `in`: is the one value on the left among those on the right? */
export function membership(left: Items, right: Items): Compiled | undefined {
  if (![...left.types, ...right.types].every(isComparable)) return undefined;
  return {
    kind: 'truth',
    truth: (self, scope) => {
      const [item, another] = valuesOf(left, self, scope);
      if (item === undefined) return undefined;
      if (another !== undefined) throw leaveToFhirpath;
      return valuesOf(right, self, scope).includes(item);
    },
  };
}

/** `+` of two whole numbers. */
export function sum(left: Items, right: Items): Compiled | undefined {
  if (![...left.types, ...right.types].every((type) => numbers.has(type))) return undefined;
  return {
    kind: 'items',
    types: ['integer'],
    items: (self, scope) => {
      const [a, b] = [valuesOf(left, self, scope), valuesOf(right, self, scope)];
      if (a.length !== 1 || b.length !== 1) throw leaveToFhirpath;
      return [Number(a[0]) + Number(b[0])];
    },
  };
}

function compare(operator: Order, left: number, right: number): boolean {
  switch (operator) {
    case '<':
      return left < right;
    case '<=':
      return left <= right;
    case '>':
      return left > right;
    case '>=':
      return left >= right;
  }
}

/**
 * Invariants as functions. Nearly all of them only say which elements are there together and compare codes with words,
 * so they become walks over the JSON of a resource that are a hundred times quicker than evaluating FHIRPath. The
 * compiler knows the types on the way and gives up on everything whose meaning in FHIRPath depends on more: dates,
 * decimals, quantities, elements of unknown type. What it gives up on is left to the fhirpath package.
 *
 * A collection that FHIRPath expects to be one item may turn out to be several, or a primitive without a value; such
 * rare cases are left to the fhirpath package too, by `leaveToFhirpath`.
 */
import { isJsonObject } from '../../json/json-value.js';
import {
  connect,
  distinctOf,
  equality,
  isComparable,
  leaveToFhirpath,
  membership,
  negation,
  ordering,
  sum,
  textRelation,
  toItems,
  truthOf,
  valuesOf,
  type Compiled,
  type Items,
  type TruthOf,
} from './compiled-parts.js';
import { parseExpression, type Expression, type Operator } from './expression.js';
import type { InvariantTest, Scope } from './invariant-test.js';
import { noValue, stepTo, type Item, type Step, type StructureOf, type Types } from './paths.js';

/**
 * The test for an invariant on elements of `type` (a definition's name, or a primitive type); `undefined` when the
 * expression is not of the simple kind. `judge` decides about single elements that turn out not to be simple.
 */
export function compileInvariant(
  structure: StructureOf,
  types: Types,
  expression: string,
  judge: InvariantTest,
): InvariantTest | undefined {
  const tree = parseExpression(expression);
  const compiled = tree && new InvariantCompiler(structure, types).compile(tree, types);
  if (!compiled) return undefined;
  const truth = truthOf(compiled);
  return (element, scope) => {
    try {
      return truth(element, scope);
    } catch (error) {
      if (error === leaveToFhirpath) return judge(element, scope);
      throw error;
    }
  };
}

const own = { string: ['string'], number: ['integer'], boolean: ['boolean'] } as const;

const constants: Record<string, string> = { ucum: 'http://unitsofmeasure.org' };

class InvariantCompiler {
  /** By types and name: paths that go round in circles (`value.extension.value`…) take the same steps again and again. */
  private readonly steps = new Map<string, Step | undefined>();

  constructor(
    private readonly structure: StructureOf,
    private readonly rootTypes: Types,
  ) {}

  /** The part of an expression for items of `types`; `undefined` when it is not known what it means. */
  compile(part: Expression, types: Types): Compiled | undefined {
    switch (part.kind) {
      case 'literal':
        return constant(own[typeof part.value as keyof typeof own], part.value);
      case 'self':
        return { kind: 'items', types, items: (self) => [self] };
      case 'variable':
        return this.variable(part.name);
      case 'member':
        return this.member(part.of, part.name, types);
      case 'call':
        return this.call(part, types);
      case 'operation':
        return this.operation(part.operator, part.left, part.right, types);
    }
  }

  private variable(name: string): Compiled | undefined {
    const value = constants[name];
    if (value !== undefined) return constant(['string'], value);
    const [type = ''] = this.rootTypes;
    const [resourceType = ''] = type.split('.');
    const isOfResource = this.structure(resourceType)?.some(({ name: member }) => member === 'implicitRules');
    if (name !== 'resource' || !isOfResource) return undefined;
    return { kind: 'items', types: [resourceType], items: (_, { resource }) => [resource] };
  }

  private member(of: Expression | undefined, name: string, types: Types): Compiled | undefined {
    // An expression may begin with the name of the type it is about.
    if (!of && types === this.rootTypes && types.includes(name)) {
      return { kind: 'items', types, items: (self) => [self] };
    }
    const source = this.source(of, types);
    const step = source && this.stepTo(source.types, name);
    if (!step) return undefined;
    return {
      kind: 'items',
      types: step.types,
      items: (self, scope) => {
        const found: Item[] = [];
        for (const item of source.items(self, scope)) step.take(item, found);
        return found;
      },
    };
  }

  private stepTo(types: Types, name: string): Step | undefined {
    const key = `${types.join()} ${name}`;
    const known = this.steps.get(key);
    if (known !== undefined || this.steps.has(key)) return known;
    const step = stepTo(this.structure, types, name);
    this.steps.set(key, step);
    return step;
  }

  private source(of: Expression | undefined, types: Types): Items | undefined {
    const source = this.compile(of ?? { kind: 'self' }, types);
    return source?.kind === 'items' ? source : undefined;
  }

  private call({ of, name, parameters }: Extract<Expression, { kind: 'call' }>, types: Types): Compiled | undefined {
    if (name === 'not' && parameters.length === 0) {
      const truth = of && this.truth(of, types);
      return truth && { kind: 'truth', truth: (self, scope) => negation(truth(self, scope)) };
    }
    if (name === 'trace') return this.source(of, types);
    const source = this.source(of, types);
    if (!source) return undefined;
    const [parameter] = parameters;
    return parameter ? this.callWith(source, name, parameter, types) : callPlain(source, name);
  }

  private callWith(source: Items, name: string, parameter: Expression, types: Types): Compiled | undefined {
    switch (name) {
      case 'where':
      case 'exists':
      case 'all': {
        const criteria = this.truth(parameter, source.types);
        if (!criteria) return undefined;
        const holds = (scope: Scope) => (item: Item) => criteria(item, scope) === true;
        if (name === 'where') {
          return { ...source, items: (self, scope) => source.items(self, scope).filter(holds(scope)) };
        }
        const method = name === 'all' ? 'every' : 'some';
        return { kind: 'truth', truth: (self, scope) => source.items(self, scope)[method](holds(scope)) };
      }
      case 'select': {
        const compiled = this.compile(parameter, source.types);
        const projection = compiled && toItems(compiled);
        return (
          projection && {
            kind: 'items',
            types: projection.types,
            items: (self, scope) => source.items(self, scope).flatMap((item) => projection.items(item, scope)),
          }
        );
      }
      case 'is': {
        if (parameter.kind !== 'member' || parameter.of || source.types.join() !== 'Resource') return undefined;
        const { name: type } = parameter;
        const isOfType = (item: Item) => isJsonObject(item) && item.resourceType === type;
        return {
          kind: 'truth',
          truth: (self, scope) => {
            const [item, another] = source.items(self, scope);
            if (another !== undefined) throw leaveToFhirpath;
            return item === undefined ? undefined : isOfType(item);
          },
        };
      }
      case 'startsWith':
      case 'endsWith':
      case 'contains': {
        const method = name === 'contains' ? 'includes' : name;
        const argument = this.compile(parameter, types);
        if (argument?.kind !== 'items') return undefined;
        return textRelation(source, argument, (text, part) => text[method](part));
      }
      default:
        return undefined;
    }
  }

  private operation(operator: Operator, left: Expression, right: Expression, types: Types): Compiled | undefined {
    if (operator === 'and' || operator === 'or' || operator === 'xor' || operator === 'implies') {
      const [first, second] = [this.truth(left, types), this.truth(right, types)];
      return first && second && { kind: 'truth', truth: connect(operator, first, second) };
    }
    const [first, second] = [this.compile(left, types), this.compile(right, types)];
    if (!first || !second) return undefined;
    if (operator === '=' || operator === '!=') return equality(first, second, operator === '=');
    if (first.kind !== 'items' || second.kind !== 'items') return undefined;
    switch (operator) {
      case 'in':
        return membership(first, second);
      case '|':
        if (!first.types.every(isComparable) || !second.types.every(isComparable)) return undefined;
        return {
          kind: 'items',
          types: [...new Set([...first.types, ...second.types])],
          items: (self, scope) => [...new Set([...valuesOf(first, self, scope), ...valuesOf(second, self, scope)])],
        };
      case '+':
        return sum(first, second);
      case '<':
      case '<=':
      case '>':
      case '>=':
        return ordering(operator, first, second);
    }
  }

  private truth(part: Expression, types: Types): TruthOf | undefined {
    const compiled = this.compile(part, types);
    return compiled && truthOf(compiled);
  }
}

function constant(types: Types, value: string | number | boolean): Items {
  const items: Item[] = [value];
  return { kind: 'items', types, items: () => items };
}

function callPlain(source: Items, name: string): Compiled | undefined {
  switch (name) {
    case 'exists':
      return { kind: 'truth', truth: (self, scope) => source.items(self, scope).length > 0 };
    case 'empty':
      return { kind: 'truth', truth: (self, scope) => source.items(self, scope).length === 0 };
    case 'count':
      return { kind: 'items', types: ['integer'], items: (self, scope) => [source.items(self, scope).length] };
    case 'first':
      return { ...source, items: (self, scope) => source.items(self, scope).slice(0, 1) };
    case 'allTrue':
    case 'allFalse': {
      if (source.types.join() !== 'boolean') return undefined;
      const wanted = name === 'allTrue';
      return { kind: 'truth', truth: (self, scope) => valuesOf(source, self, scope).every((item) => item === wanted) };
    }
    case 'hasValue':
      return {
        kind: 'truth',
        truth: (self, scope) => {
          const items = source.items(self, scope);
          return items.length === 1 && items[0] !== noValue && !isJsonObject(items[0]);
        },
      };
    case 'distinct':
      if (!source.types.every(isComparable)) return undefined;
      return { ...source, items: (self, scope) => distinctOf(source.items(self, scope)) };
    case 'isDistinct':
      if (!source.types.every(isComparable)) return undefined;
      return {
        kind: 'truth',
        truth: (self, scope) => {
          const items = source.items(self, scope);
          return distinctOf(items).length === items.length;
        },
      };
    default:
      return undefined;
  }
}

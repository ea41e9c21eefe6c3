/**
 * FHIRPath as FHIR Patch uses it: to name elements of the resource, not to calculate. The fhirpath package is loaded when
 * the first such patch comes.
 */
import { fhirpathModel, fhirpathPackage } from '../fhirpath/fhirpath-package.js';
import type { JsonObject } from '../json/json-value.js';
import { badRequest, unprocessable } from '../outcomes/outcome-error.js';

/** One step from an element to one of its members. */
export interface PathStep {
  /** The name of the element: `value` for `valueQuantity`. */
  readonly name: string;
  /** The FHIR type of the member, where the path says it. */
  readonly type: string | undefined;
  /** Where the member stands in a list; undefined when it is in none. */
  readonly index: number | undefined;
}

/** The ways from the resource down to the elements that an expression finds. */
export type LocateElements = (resource: JsonObject) => PathStep[][];

const maxExpressionLength = 500;

/**
 * Functions that choose among elements, with the number of arguments each can have. Others could make one request very
 * costly (repeat, matches), lead out of the resource (resolve), or give values that are no elements of it.
 */
const allowedFunctions = new Map<string, readonly number[]>([
  ...['where', 'skip', 'take', 'ofType', 'as', 'is', 'extension', 'startsWith', 'endsWith', 'contains'].map(
    (name) => [name, [1]] as const,
  ),
  ...['first', 'last', 'tail', 'single', 'empty', 'not', 'count', 'hasValue', 'lower', 'upper', 'length'].map(
    (name) => [name, [0]] as const,
  ),
  ['exists', [0, 1]],
]);

interface SyntaxNode {
  readonly type?: string;
  readonly text?: string;
  readonly children?: readonly SyntaxNode[];
}

/** What the package gives for an element; its type declarations leave it out. */
interface ElementNode {
  readonly parentResNode: ElementNode | null;
  readonly propName: string | null;
  readonly index: number | null | undefined;
  readonly fhirNodeDataType: string | null;
}

/** Compiles an expression. Throws OutcomeError `invalid` when it is none, or one that a patch may not use. */
export function compileLocator(modelName: string, expression: string): LocateElements {
  if (expression.length > maxExpressionLength) {
    throw badRequest(`The path of a FHIRPath Patch may have at most ${maxExpressionLength} characters`);
  }
  const fhirpath = fhirpathPackage();
  const model = fhirpathModel(modelName);
  const syntax = parsed(() => fhirpath.parse(expression) as SyntaxNode);
  if (syntax === undefined) throw badRequest(`The path '${expression}' is no FHIRPath expression`);
  if (hasCostlyNode(syntax)) throw badRequest('The path of a FHIRPath Patch cannot unite collections or use variables');
  for (const { name, argumentCount } of functionsOf(syntax)) {
    if (allowedFunctions.get(name)?.includes(argumentCount)) continue;
    throw badRequest(`The path of a FHIRPath Patch cannot use ${name}() with ${argumentCount} arguments`);
  }
  const compiled = parsed(() => fhirpath.compile(expression, model, { resolveInternalTypes: false }));
  if (compiled === undefined) throw badRequest(`The path '${expression}' is no FHIRPath expression`);
  return (resource) => {
    const found = parsed(() => compiled(resource) as unknown[]);
    if (found === undefined) throw unprocessable(`The path '${expression}' cannot be evaluated on this resource`);
    return found.map((node) => {
      if (!isElement(node)) throw unprocessable(`The path '${expression}' finds a value that is no element`);
      return stepsTo(node);
    });
  };
}

/** The package throws whatever it finds wrong with an expression; each such case is the client's. */
function parsed<Result>(work: () => Result): Result | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

/**
 * A union compares each element with each other. Variables lead out of the element that a condition is about
 * (`%context`, `%resource`), so that conditions in one another would go through the whole resource for each element of it.
 */
const costlyNodes = new Set(['UnionExpression', 'ExternalConstantTerm', 'ExternalConstant', 'TotalInvocation']);

const hasCostlyNode = ({ type = '', children = [] }: SyntaxNode): boolean =>
  costlyNodes.has(type) || children.some(hasCostlyNode);

function functionsOf({ type, text, children = [] }: SyntaxNode): { name: string; argumentCount: number }[] {
  const inside = children.flatMap(functionsOf);
  if (type !== 'Functn' || text === undefined) return inside;
  const list = children.find((child) => child.type === 'ParamList');
  return [{ name: text, argumentCount: list?.children?.length ?? 0 }, ...inside];
}

const isElement = (node: unknown): node is ElementNode =>
  typeof node === 'object' && node !== null && 'parentResNode' in node;

function stepsTo(node: ElementNode): PathStep[] {
  const { parentResNode, propName, index, fhirNodeDataType } = node;
  if (parentResNode === null || propName === null) return [];
  return [
    ...stepsTo(parentResNode),
    { name: propName, type: fhirNodeDataType ?? undefined, index: index ?? undefined },
  ];
}

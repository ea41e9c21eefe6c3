/**
 * FHIRPath in arguments. The expressions come from clients and run in the process that serves everybody, so only those
 * are taken whose work is bounded by the length of the expression times the size of the data: no functions that repeat,
 * make collections or match regular expressions, no union of collections, no way back up to the root.
 */
import { createRequire } from 'node:module';
import { badRequest, plainValue, type JsonValue } from '#fhir';

type FhirpathPackage = typeof import('fhirpath');

const maxLength = 256;

const allowedFunctions = new Set(
  (
    'where exists all empty not first last single tail skip take count is as ofType extension hasValue ' +
    'startsWith endsWith contains length lower upper toString toInteger toDecimal toBoolean today now'
  ).split(' '),
);

/** `children()` and `descendants()` are no functions here; neither are variables that lead out of the element. */
const forbiddenNodes = new Set(['UnionExpression', 'ExternalConstantTerm', 'ExternalConstant', 'TotalInvocation']);

interface SyntaxNode {
  readonly type?: string;
  readonly text?: string;
  readonly children?: readonly SyntaxNode[];
}

const require = createRequire(import.meta.url);
let loaded: FhirpathPackage | undefined;

/** The package takes 150 ms and some 50 MB, so it is loaded when somebody first asks. */
const fhirpath = (): FhirpathPackage => (loaded ??= require('fhirpath') as FhirpathPackage);

/**
 * A test that holds for elements for which `expression` gives `true`. Throws OutcomeError `invalid` for an expression
 * that is wrong or not allowed here.
 */
export function compileFilter(expression: string): (element: JsonValue) => boolean {
  const evaluate = compile(expression);
  return (element) => {
    const result = evaluate(element);
    return result.length === 1 && result[0] === true;
  };
}

/** What `@slice(path)` adds to the name of each element: its index for `$index`, else the value of the expression. */
export function sliceNames(path: string, elements: readonly JsonValue[]): string[] {
  if (path === '$index') return elements.map((_, index) => String(index));
  const evaluate = compile(path);
  return elements.map((element) => {
    const [value] = evaluate(element);
    return isPrimitive(value) ? String(value) : '';
  });
}

const isPrimitive = (value: unknown): value is string | number | boolean =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';

function compile(expression: string): (element: JsonValue) => unknown[] {
  if (expression.length > maxLength) throw refusal(`may have at most ${maxLength} characters`);
  assertAllowed(syntaxOf(expression));
  const compiled = fhirpath().compile(expression);
  return (element) => {
    try {
      return compiled(plainValue(element)) as unknown[];
    } catch (cause) {
      // The package throws plain Errors for what is wrong with the expression or does not fit the data.
      throw refusal(`cannot be evaluated: ${String((cause as Error).message)}`);
    }
  };
}

function syntaxOf(expression: string): SyntaxNode {
  try {
    return fhirpath().parse(expression) as SyntaxNode;
  } catch {
    throw refusal('cannot be read');
  }
}

function assertAllowed(node: SyntaxNode): void {
  const { type = '', children = [] } = node;
  if (forbiddenNodes.has(type)) throw refusal('uses a part of FHIRPath that is not supported in arguments');
  if (type === 'Functn') {
    const name = children[0]?.text ?? '';
    if (!allowedFunctions.has(name)) throw refusal(`uses the function '${name}', which is not supported in arguments`);
  }
  children.forEach(assertAllowed);
}

const refusal = (problem: string): Error => badRequest(`The FHIRPath expression ${problem}.`, { code: 'value' });

/**
 * FHIRPath in arguments. The expressions come from clients and run in the process that serves everybody, so only those
 * are taken whose work is bounded by the length of the expression times the size of the data: no functions that repeat,
 * make collections or match regular expressions, no union of collections, no way back up to the root. Large data and
 * many conditions make that long nevertheless, so all of a request have a time.
 */
import { badRequest, fhirpathPackage, OutcomeError, plainValue, tooCostly, type JsonValue } from '#fhir';
import { requestLimits, type RequestBudget } from './request-budget.js';

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

type Evaluate = (element: JsonValue) => unknown[];

/** What evaluating for one element counts as, in values of the answer. */
const evaluationCost = 20;

/** The longest addition to a name; it may stand in the name of each field below. */
const maxNameLength = 64;

const maxCauseLength = 200;

/** The expressions of one request. Each is read once, however many lists it is used for. */
export class FhirpathExpressions {
  private readonly read = new Map<string, Evaluate | Error>();

  constructor(private readonly budget: RequestBudget) {}

  /**
   * The elements for which `expression` gives `true`; none when the budget is used up or the time is over. Throws
   * OutcomeError `invalid` for an expression that is wrong or not allowed here, and `too-costly` for one more than a
   * request may have.
   */
  choose<T extends JsonValue>(expression: string, elements: readonly T[]): readonly T[] {
    const evaluate = this.evaluation(expression);
    if (!this.budget.takeValues(elements.length * evaluationCost)) return [];
    const holds = (element: T): boolean => {
      const result = evaluate(element);
      return result.length === 1 && result[0] === true;
    };
    return this.budget.inTime(() => elements.filter(holds)) ?? [];
  }

  /**
   * What `@slice(path)` adds to the name of each element: its index for `$index`, else the value of the expression.
   * Throws as `choose` does, and for a value that is too long for a name.
   */
  names(path: string, elements: readonly JsonValue[]): string[] {
    if (path === '$index') return elements.map((_, index) => String(index));
    const evaluate = this.evaluation(path);
    if (!this.budget.takeValues(elements.length * evaluationCost)) return [];
    const nameOf = (element: JsonValue): string => {
      const [value] = evaluate(element);
      const name = isPrimitive(value) ? String(value) : '';
      if (name.length > maxNameLength) throw refusal(`gives a name of more than ${maxNameLength} characters`);
      return name;
    };
    return this.budget.inTime(() => elements.map(nameOf)) ?? [];
  }

  private evaluation(expression: string): Evaluate {
    let found = this.read.get(expression);
    if (found === undefined) {
      if (this.read.size === requestLimits.expressions) {
        throw tooCostly(`A GraphQL request may have at most ${requestLimits.expressions} FHIRPath expressions.`);
      }
      found = compile(expression);
      this.read.set(expression, found);
    }
    if (found instanceof Error) throw found;
    return found;
  }
}

const isPrimitive = (value: unknown): value is string | number | boolean =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';

/** How to evaluate the expression, or the OutcomeError that says why it cannot be. */
function compile(expression: string): Evaluate | Error {
  if (expression.length > maxLength) return refusal(`may have at most ${maxLength} characters`);
  try {
    assertAllowed(syntaxOf(expression));
  } catch (error) {
    if (error instanceof OutcomeError) return error;
    throw error;
  }
  const compiled = fhirpathPackage().compile(expression);
  return (element) => {
    try {
      return compiled(plainValue(element)) as unknown[];
    } catch (cause) {
      // The package throws plain Errors for what is wrong with the expression or does not fit the data, which it shows.
      throw refusal(`cannot be evaluated: ${String((cause as Error).message).slice(0, maxCauseLength)}`);
    }
  };
}

function syntaxOf(expression: string): SyntaxNode {
  try {
    return fhirpathPackage().parse(expression) as SyntaxNode;
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

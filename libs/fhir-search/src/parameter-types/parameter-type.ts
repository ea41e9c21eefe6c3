import { badRequest, type JsonObject, type OutcomeError, type SearchParameter, type TypedValue } from '#fhir';
import type { Criterion } from '../search-request.js';
import type { Condition } from '../search-plan.js';
import type { TokenHasher } from '../token-hasher.js';

/** What the values of a criterion may depend on besides their own text. */
export interface ParseContext {
  /** For `ap`: how far a date is from now decides how widely it is taken. */
  readonly now: Date;
  isResourceType(name: string): boolean;
  /** All resource types of the version: the targets of a reference that may point to anything. */
  readonly resourceTypes: readonly string[];
  /** The text of a reference as the index holds it: relative when it points into the project itself. */
  localReference(reference: string): string;
}

/** Where `index` puts what it finds. Texts are hashed, cut and made distinct behind it. */
export interface IndexWriter {
  token(text: string): void;
  /** The same for a token that is looked for in many rows, one after the other: it stands where it is found soonest. */
  firstToken(text: string): void;
  reference(target: string): void;
  /** `value` is compared by prefix, `original` exactly. */
  string(value: string, original: string): void;
  /** The same, found only together with `scope`, the text of what else must be equal. */
  scopedString(scope: string, value: string, original: string): void;
  /** Milliseconds; infinite for open ends. */
  date(start: number, end: number): void;
  number(entry: NumberEntry): void;
  /**
   * Asks for the right to write one more entry of a composite, whose values multiply; `text` is what is about to be
   * written. False when the resource has as many as it may, and then nothing more is to be written of its composites.
   */
  takeCombination(text: string): boolean;
  /** A text that belongs to a code or reference, for `:text`. */
  display(text: string): void;
  /** What the resource is sorted by; of several the one that comes first in the order. */
  sortText(text: string): void;
  /** The resource itself, at which some components of composites start. */
  readonly resource: JsonObject;
  localReference(reference: string): string;
}

/** A number, or a span of numbers with both ends in it; see number-scopes.ts for the texts. */
export interface NumberEntry {
  readonly scope: string | undefined;
  readonly lower: number;
  readonly upper: number;
  readonly marks: readonly string[];
  /** Which node of the resource it comes from, where several entries of one node must be told from others. */
  readonly node?: number;
}

/**
 * Everything that is particular to one type of search parameter. `C` is the criterion that `parse` makes; types that
 * cannot be searched yet have none.
 */
export interface ParameterType<C = never> {
  /**
   * Reads the values of one occurrence of a parameter. `values` are the alternatives, none empty, escapes still in
   * place. Throws an OutcomeError that names the parameter for a modifier or value that it does not take.
   */
  parse(
    parameter: SearchParameter,
    modifier: string | undefined,
    values: readonly string[],
    context: ParseContext,
  ): Criterion;
  toCondition(criterion: C, hasher: TokenHasher): Condition;
  /** Writes the index entries for what the parameter finds in a resource. */
  index(parameter: SearchParameter, values: readonly TypedValue[], writer: IndexWriter): void;
}

export function modifierNotSupported(code: string, modifier: string): OutcomeError {
  return notSupportedYet(`${code}:${modifier}`, `The modifier ':${modifier}' of the search parameter '${code}'`);
}

/** The refusal of a modifier that asks where a value stands in something of which no search knows. */
export function hierarchyNotSupported(code: string, modifier: string, asked: string): OutcomeError {
  return badRequest(
    `The modifier ':${modifier}' of the search parameter '${code}' is not supported yet: it asks ${asked}.`,
    { code: 'not-supported', expression: [`${code}:${modifier}`] },
  );
}

/** 400 with the issue code `not-supported`; `expression` holds the parameter's name as received. */
export function notSupportedYet(name: string, what: string): OutcomeError {
  return badRequest(`${what} is not supported yet.`, { code: 'not-supported', expression: [name] });
}

export function badValue(code: string, value: string, expected: string): OutcomeError {
  return badRequest(`The search parameter '${code}' does not take the value '${value}': ${expected}.`, {
    code: 'value',
    expression: [code],
  });
}

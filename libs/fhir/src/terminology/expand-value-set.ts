/**
 * The answer of `ValueSet/$expand` (https://hl7.org/fhir/R4/valueset-operation-expand.html): a page of the codes of a value
 * set, flat, as somebody may want them listed.
 */
import type { JsonObject, JsonValue } from '../json/json-value.js';
import { tooCostly } from '../outcomes/outcome-error.js';
import { inLanguage } from './designation.js';
import { matchingCodes } from './matching-codes.js';
import type { ExpandedCode, ValueSet } from './value-set.js';
import { codesOfValueSet, type TerminologySource } from './value-set-codes.js';

/** How many codes an answer holds; whoever wants more turns pages. */
const MAX_PAGE = 1_000;

/** What of the codes is wanted, in the operation's own words. */
export interface ExpansionWishes {
  /** What somebody has typed. */
  readonly filter?: string;
  readonly offset?: number;
  /** Of 0 the answer is the total alone; of more than an answer holds, what it holds. */
  readonly count?: number;
  /** Without codes that should not be used any more. */
  readonly activeOnly?: boolean;
  /** Without codes that only group others. */
  readonly excludeNotForUI?: boolean;
  readonly includeDesignations?: boolean;
  readonly includeDefinition?: boolean;
  /** The language in which codes are shown where they say how (BCP 47). */
  readonly displayLanguage?: string;
}

/** What makes one expansion different from the next. */
export interface ExpansionStamp {
  readonly identifier: string;
  readonly timestamp: string;
}

/**
 * The value set with its expansion. Throws what `codesOfValueSet` throws, and `too-costly` when there are more codes than an
 * answer holds and no page of them was asked for.
 */
export async function expandValueSet(
  source: TerminologySource,
  valueSet: ValueSet,
  wishes: ExpansionWishes,
  stamp: ExpansionStamp,
): Promise<JsonObject> {
  const { codes, systems, isWhole } = await codesOfValueSet(source, valueSet);
  const { activeOnly, excludeNotForUI, displayLanguage, filter } = wishes;
  const wanted = codes.filter(
    ({ isInactive, isAbstract }) => !(activeOnly === true && isInactive) && !(excludeNotForUI === true && isAbstract),
  );
  const named = displayLanguage === undefined ? wanted : wanted.map((code) => shownIn(code, displayLanguage));
  const matches = filter === undefined ? named : await matchingCodes(named, filter);
  const { offset = 0, count } = wishes;
  if (count === undefined && matches.length - offset > MAX_PAGE) {
    throw tooCostly(
      `The value set has ${matches.length} codes, more than the ${MAX_PAGE} of one answer: ask for a page with 'count', or filter.`,
    );
  }
  const page = matches.slice(offset, offset + Math.min(count ?? MAX_PAGE, MAX_PAGE));
  const { about, compose } = valueSet;
  return {
    resourceType: 'ValueSet',
    ...about,
    ...(wishes.includeDefinition === true && compose !== undefined ? { compose: compose.definition } : {}),
    expansion: {
      ...(isWhole ? {} : { extension: [{ url: UNCLOSED, valueBoolean: true }] }),
      ...stamp,
      total: matches.length,
      // Without paging it must not be there (https://hl7.org/fhir/R4/valueset-definitions.html#ValueSet.expansion.offset).
      ...(wishes.offset === undefined && count === undefined ? {} : { offset }),
      // Who turns pages by what was asked for would leave codes out.
      ...parametersOf(count === undefined ? wishes : { ...wishes, count: Math.min(count, MAX_PAGE) }, systems),
      ...(page.length === 0 ? {} : { contains: page.map((code) => contained(code, wishes)) }),
    },
  };
}

/** Says that there are more codes than are known (https://hl7.org/fhir/R4/extension-valueset-unclosed.html). */
const UNCLOSED = 'http://hl7.org/fhir/StructureDefinition/valueset-unclosed';

function shownIn(code: ExpandedCode, language: string): ExpandedCode {
  const display = inLanguage(code.designations, language);
  return display === undefined ? code : { ...code, display };
}

/** What the expansion was made by. Lists are never empty in FHIR. */
function parametersOf(wishes: ExpansionWishes, systems: readonly string[]): { parameter?: JsonObject[] } {
  const given = (name: keyof ExpansionWishes, type: string): JsonObject[] => {
    const value: JsonValue | undefined = wishes[name];
    return value === undefined ? [] : [{ name, [`value${type}`]: value }];
  };
  const parameter = [
    ...given('filter', 'String'),
    ...given('offset', 'Integer'),
    ...given('count', 'Integer'),
    ...given('activeOnly', 'Boolean'),
    ...given('excludeNotForUI', 'Boolean'),
    ...given('includeDesignations', 'Boolean'),
    ...given('includeDefinition', 'Boolean'),
    ...given('displayLanguage', 'Code'),
    ...systems.map((system): JsonObject => ({ name: 'used-codesystem', valueUri: system })),
  ];
  return parameter.length === 0 ? {} : { parameter };
}

function contained(code: ExpandedCode, { includeDesignations }: ExpansionWishes): JsonObject {
  const { system, version, designations, display, isAbstract, isInactive } = code;
  return {
    system,
    ...(isAbstract ? { abstract: true } : {}),
    ...(isInactive ? { inactive: true } : {}),
    ...(version === undefined ? {} : { version }),
    code: code.code,
    ...(display === undefined ? {} : { display }),
    ...(includeDesignations === true && designations.length > 0
      ? { designation: designations.map((designation): JsonObject => ({ ...designation })) }
      : {}),
  };
}

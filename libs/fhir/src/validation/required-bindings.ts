/**
 * Required bindings of Coding, CodeableConcept and CodeableReference (https://hl7.org/fhir/R4/terminologies.html#required):
 * a concept must have a coding from the value set, whatever codings it has besides. Codes without a system are enumerated
 * in the schema.
 */
import type { BindingDocument } from '../definitions/constraint-document.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../json/json-value.js';

/** One binding, ready to be tested. */
export interface Binding {
  /** The value set's URL. */
  readonly valueSet: string;
  /** True when the value has a code of the value set. */
  readonly isMet: (value: JsonObject) => boolean;
}

/** The binding of a definition's member (a choice by its base name), if its codes are known. */
export function bindingOf(document: BindingDocument, definition: string, member: string): Binding | undefined {
  const members = Object.hasOwn(document.bindings, definition) ? document.bindings[definition] : undefined;
  const valueSet = members && Object.hasOwn(members, member) ? members[member] : undefined;
  const systems = valueSet === undefined ? undefined : document.valueSets[valueSet];
  if (valueSet === undefined || !systems) return undefined;
  const codes = codesBySystem(systems);
  return { valueSet, isMet: (value) => isCodedFrom(codes, value) };
}

/** The codes of a value set, by system. */
export type CodesBySystem = ReadonlyMap<string, ReadonlySet<string>>;

export const codesBySystem = (systems: Readonly<Record<string, readonly string[]>>): CodesBySystem =>
  new Map(Object.entries(systems).map(([system, listed]) => [system, new Set(listed)]));

/** Whether a Coding, CodeableConcept, CodeableReference or Quantity has one of the codes. */
export function isCodedFrom(codes: CodesBySystem, value: JsonObject): boolean {
  return codingsOf(value).some(
    ({ system, code }) =>
      typeof system === 'string' && typeof code === 'string' && codes.get(system)?.has(code) === true,
  );
}

/** Whether an element only says, by an extension, why it has no code: such a one is met by no list. */
export const isWithoutCode = ({ extension, coding, code }: JsonObject): boolean =>
  extension !== undefined && coding === undefined && code === undefined;

/** The codings of a value of any of the three types. A Coding is its own. */
function codingsOf(value: JsonObject): JsonObject[] {
  const concept: JsonValue | undefined = value.concept ?? value;
  if (!isJsonObject(concept)) return [];
  return Array.isArray(concept.coding) ? concept.coding.filter(isJsonObject) : [concept];
}

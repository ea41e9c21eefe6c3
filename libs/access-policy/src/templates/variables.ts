import { isJsonObject, type JsonObject, type JsonValue } from '#fhir';
import type { Variable } from './template-text.js';

/** One value of a variable: a reference to a resource of the project, or a text. Either is data and never syntax. */
export interface VariableValue {
  readonly kind: 'reference' | 'string';
  readonly text: string;
}

/** What the variables of one access entry stand for. The values of one name are alternatives, in order, each once. */
export type Variables = ReadonlyMap<string, readonly VariableValue[]>;

const referenceForm = /^[A-Z][A-Za-z]{0,63}\/[A-Za-z0-9\-.]{1,64}$/;

/** `Type/id` when the value is a Reference to a resource of the project, else undefined. */
export function literalReference(value: JsonValue | undefined): string | undefined {
  const reference = isJsonObject(value) ? value['reference'] : undefined;
  return typeof reference === 'string' && referenceForm.test(reference) ? reference : undefined;
}

/** Whether the text has the form `Type/id`. */
export const isReferenceText = (text: string): boolean => referenceForm.test(text);

/**
 * The variables of an access entry: its own parameters, `profile`, which is always the member's own, and `patient`, which
 * is the profile unless the entry defines it. A parameter without a usable value defines its name without a value, so
 * that what uses it stays unresolved and does not fall back to something else.
 */
export function entryVariables(parameters: JsonValue | undefined, profile: string | undefined): Variables {
  const variables = new Map<string, VariableValue[]>();
  const known = new Set<string>();
  for (const parameter of Array.isArray(parameters) ? parameters.filter(isJsonObject) : []) {
    const { name } = parameter;
    if (typeof name !== 'string' || name === 'profile') continue;
    const values = variables.get(name) ?? [];
    variables.set(name, values);
    const value = valueOf(parameter);
    if (value === undefined) continue;
    const key = JSON.stringify([name, value.kind, value.text]);
    if (known.has(key)) continue;
    known.add(key);
    values.push(value);
  }
  const own: VariableValue[] = profile === undefined ? [] : [{ kind: 'reference', text: profile }];
  variables.set('profile', own);
  if (!variables.has('patient')) variables.set('patient', own);
  return variables;
}

function valueOf({ valueReference, valueString }: JsonObject): VariableValue | undefined {
  const reference = literalReference(valueReference);
  if (reference !== undefined) return { kind: 'reference', text: reference };
  return typeof valueString === 'string' && valueString !== '' ? { kind: 'string', text: valueString } : undefined;
}

/** The text that a variable stands for; undefined for the id part of what is no reference. */
export function textOf({ idOnly }: Variable, { kind, text }: VariableValue): string | undefined {
  if (!idOnly) return text;
  return kind === 'reference' ? text.slice(text.indexOf('/') + 1) : undefined;
}

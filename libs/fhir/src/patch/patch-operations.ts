/** The operations of a FHIRPath Patch as their Parameters say them (https://hl7.org/fhir/R4/fhirpatch.html). */
import { isJsonObject, type JsonObject, type JsonValue } from '../json/json-value.js';
import { normalForm } from '../json/normal-form.js';
import { maxResourceDepth } from '../json/read-resource.js';
import { badRequest, invalidResource } from '../outcomes/outcome-error.js';
import type { FhirVersion } from '../versions/fhir-version.js';
import { compileLocator, type LocateElements } from './locate-elements.js';
import { textOf } from './json-tree.js';
import { plainValue, readLossless } from './lossless-json.js';

interface Located {
  /** As the client wrote it, for messages. */
  readonly path: string;
  /** Finds what the path names; of a list, the element that has it. */
  readonly locate: LocateElements;
}

/** The parameter of a Parameters resource that says what to put in: with a `value[x]`, a resource, or parts. */
type ValuePart = JsonObject;

export type PatchOperation = Located &
  (
    | { readonly type: 'add'; readonly name: string; readonly value: ValuePart }
    | { readonly type: 'insert'; readonly list: string; readonly index: number; readonly value: ValuePart }
    | { readonly type: 'delete' }
    | { readonly type: 'replace'; readonly value: ValuePart }
    | { readonly type: 'move'; readonly list: string; readonly source: number; readonly destination: number }
  );

/** Each operation evaluates an expression over the whole resource. */
const maxOperations = 200;

/** Reads the operations. Throws OutcomeError `invalid` with the number of the one that is none, counted from 0. */
export function readPatchOperations(version: FhirVersion, text: string): PatchOperation[] {
  const parameters = readLossless(normalForm(text, { maxDepth: maxResourceDepth }).text);
  if (!isJsonObject(parameters) || parameters.resourceType !== 'Parameters') {
    throw badRequest('A FHIRPath Patch must be a Parameters resource', { code: 'structure' });
  }
  const issues = version.validate(plainValue(parameters) as JsonObject, 'structure');
  if (issues.length > 0) throw invalidResource(issues);
  const operations = objects(parameters.parameter);
  if (operations.length > maxOperations) {
    throw badRequest(`A FHIRPath Patch may have at most ${maxOperations} operations`);
  }
  return operations.map((operation, index) => readOperation(version, operation, index));
}

function readOperation(version: FhirVersion, operation: JsonObject, index: number): PatchOperation {
  const fail = (problem: string): never => {
    throw badRequest(`Operation ${index} of the FHIRPath Patch ${problem}`, {
      expression: [`Parameters.parameter[${index}]`],
    });
  };
  if (operation.name !== 'operation') return fail("must be a parameter with the name 'operation'");
  const parts = new Map<string, JsonObject>();
  for (const part of objects(operation.part)) {
    const name = textOf(part.name);
    if (parts.has(name)) return fail(`has '${name}' twice`);
    parts.set(name, part);
  }
  const text = (name: string): string => {
    const part = parts.get(name);
    const value = part?.valueString ?? part?.valueCode;
    return typeof value === 'string' ? value : fail(`needs '${name}'`);
  };
  const position = (name: string): number => {
    const value = parts.get(name)?.valueInteger;
    const number = typeof value === 'string' ? Number(value.slice(1)) : NaN;
    return Number.isSafeInteger(number) && number >= 0 ? number : fail(`needs '${name}', an integer from 0`);
  };
  const value = (): ValuePart => parts.get('value') ?? fail("needs 'value'");

  const path = text('path');
  const locate = (expression: string) => ({ path, locate: compileLocator(version.fhirpathModel, expression) });
  const type = text('type');
  switch (type) {
    case 'add':
      return { type, name: text('name'), value: value(), ...locate(path) };
    case 'delete':
      return { type, ...locate(path) };
    case 'replace':
      return { type, value: value(), ...locate(path) };
    case 'insert':
    case 'move': {
      const [, owner = '$this', list] = listForm.exec(path) ?? [];
      if (list === undefined) return fail('needs the path of a list, with the name of the list at its end');
      if (type === 'insert') return { type, list, index: position('index'), value: value(), ...locate(owner) };
      return { type, list, source: position('source'), destination: position('destination'), ...locate(owner) };
    }
    default:
      return fail('must be one of add, insert, delete, replace and move');
  }
}

/** `Patient.name` is the list `name` of what `Patient` finds; `name` is one of the resource itself. */
const listForm = /^(?:(.+)\.)?([A-Za-z_]\w*)$/s;

const objects = (value: JsonValue | undefined): JsonObject[] =>
  Array.isArray(value) ? value.filter(isJsonObject) : [];

/**
 * JSON Patch (RFC 6902, https://hl7.org/fhir/R4/http.html#patch) on resources whose numbers keep their text. Failures
 * follow RFC 5789 section 2.2: a patch that is none is 400, one that does not fit the resource 422, and one whose own
 * `test` fails 412, because a test is the client's precondition, unless the FHIR version says otherwise.
 */
import { isJsonObject, type JsonValue } from '../json/json-value.js';
import { normalForm } from '../json/normal-form.js';
import { maxResourceDepth } from '../json/read-resource.js';
import { badRequest, preconditionFailed, unprocessable } from '../outcomes/outcome-error.js';
import type { FhirVersion } from '../versions/fhir-version.js';
import { type Container, depthOf, insertAt, isContainer, removeAt, replaceAt, valueAt, weightOf } from './json-tree.js';
import { equalValues, readLossless } from './lossless-json.js';

interface Place {
  /** As the client wrote it, for messages. */
  readonly path: string;
  readonly tokens: readonly string[];
}

type Operation =
  | { readonly op: 'add' | 'replace' | 'test'; readonly at: Place; readonly value: JsonValue }
  | { readonly op: 'remove'; readonly at: Place }
  | { readonly op: 'move' | 'copy'; readonly at: Place; readonly from: Place };

export type JsonPatch = readonly Operation[];

/** Enough for any edit by hand or form; it bounds the work that one request can ask for. */
const maxOperations = 1000;
/** What copying and moving may carry about in all: copies of copies would double a resource with every operation. */
const maxCarriedWeight = 10 * 1024 * 1024;
/** A patch has an array and an object around the deepest value it can put into a resource. */
const maxPatchDepth = maxResourceDepth + 2;

/** Reads a patch. Throws OutcomeError `invalid` with the number of the operation that is none, counted from 0. */
export function readJsonPatch(text: string): JsonPatch {
  const patch = readLossless(normalForm(text, { maxDepth: maxPatchDepth }).text);
  if (!Array.isArray(patch)) throw badRequest('A JSON Patch must be an array of operations', { code: 'structure' });
  if (patch.length > maxOperations) throw badRequest(`A JSON Patch may have at most ${maxOperations} operations`);
  return patch.map(readOperation);
}

function readOperation(operation: JsonValue, index: number): Operation {
  const fail = (problem: string): never => {
    throw badRequest(`Operation ${index} of the JSON Patch ${problem}`, { code: 'structure' });
  };
  if (!isJsonObject(operation)) return fail('must be an object');
  const place = (name: 'path' | 'from'): Place => {
    const path = operation[name];
    if (typeof path !== 'string' || !pointerForm.test(path)) return fail(`needs a JSON Pointer as '${name}'`);
    const tokens = path.split('/').slice(1).map(unescaped);
    if (tokens.length > maxResourceDepth) return fail(`leads too deep down with its '${name}'`);
    return { path, tokens };
  };
  const { op, value } = operation;
  if (op === 'remove') return { op, at: place('path') };
  if (op === 'move' || op === 'copy') return { op, at: place('path'), from: place('from') };
  if (op !== 'add' && op !== 'replace' && op !== 'test') {
    return fail('must be one of add, remove, replace, move, copy and test');
  }
  if (value === undefined) return fail(`of kind '${op}' needs a value`);
  return { op, at: place('path'), value };
}

/** RFC 6901: empty, or tokens with a slash before each, in which `~` only stands before 0 and 1. */
const pointerForm = /^(?:\/(?:[^/~]|~[01])*)*$/;

const unescaped = (token: string): string => token.replaceAll('~1', '/').replaceAll('~0', '~');

/**
 * The value that `patch` makes of `resource`, which is changed itself. Throws `unprocessable` for a place that is not
 * there and `failedTest` for a test that fails; the texts name the operation, never the stored value.
 */
export function applyJsonPatch(
  resource: JsonValue,
  patch: JsonPatch,
  failedTest: FhirVersion['failedPatchTest'] = 'precondition-failed',
): JsonValue {
  const document = new PatchedDocument(resource);
  patch.forEach((operation, index) => {
    const problem = document.apply(operation);
    if (problem === undefined) return;
    const text = `Operation ${index} of the JSON Patch (${operation.op} ${operation.at.path}): ${problem}`;
    throw operation.op === 'test' && failedTest === 'precondition-failed'
      ? preconditionFailed(text)
      : unprocessable(text);
  });
  return document.root;
}

class PatchedDocument {
  private carriedWeight = 0;

  constructor(public root: JsonValue) {}

  /** Carries out one operation; returns what is wrong when it cannot be done. */
  apply(operation: Operation): string | undefined {
    const { at } = operation;
    switch (operation.op) {
      case 'test':
        return equalValues(valueAt(this.root, at.tokens), operation.value) ? undefined : 'the value is another one';
      case 'add':
        return this.add(at, structuredClone(operation.value));
      case 'replace':
        return this.replace(at, structuredClone(operation.value));
      case 'remove':
        return this.remove(at);
      case 'copy':
        return this.copy(operation.from, at);
      case 'move':
        return this.move(operation.from, at);
    }
  }

  private add({ tokens }: Place, value: JsonValue): string | undefined {
    const last = tokens.at(-1);
    if (last === undefined) return this.replaceRoot(value);
    if (tokens.length + depthOf(value) > maxPatchDepth) return tooDeep;
    const container = this.containerOf(tokens);
    return container !== undefined && insertAt(container, last, value) ? undefined : noPlace;
  }

  private replace({ tokens }: Place, value: JsonValue): string | undefined {
    const last = tokens.at(-1);
    if (last === undefined) return this.replaceRoot(value);
    if (tokens.length + depthOf(value) > maxPatchDepth) return tooDeep;
    const container = this.containerOf(tokens);
    return container !== undefined && replaceAt(container, last, value) ? undefined : noPlace;
  }

  private remove({ tokens }: Place): string | undefined {
    const container = this.containerOf(tokens);
    return container !== undefined && removeAt(container, tokens.at(-1) ?? '') ? undefined : noPlace;
  }

  private copy(from: Place, at: Place): string | undefined {
    const value = valueAt(this.root, from.tokens);
    if (value === undefined) return noSource;
    return this.carry(value) ? this.add(at, structuredClone(value)) : tooHeavy;
  }

  private move(from: Place, at: Place): string | undefined {
    const value = valueAt(this.root, from.tokens);
    if (value === undefined) return noSource;
    if (at.path === from.path) return undefined;
    if (at.path.startsWith(`${from.path}/`)) return 'a value cannot be moved into itself';
    if (!this.carry(value)) return tooHeavy;
    return this.remove(from) ?? this.add(at, value);
  }

  private carry(value: JsonValue): boolean {
    this.carriedWeight += weightOf(value);
    return this.carriedWeight <= maxCarriedWeight;
  }

  private replaceRoot(value: JsonValue): undefined {
    this.root = value;
  }

  /** The object or array that the place is in; undefined for the whole document and for what is not there. */
  private containerOf(tokens: readonly string[]): Container | undefined {
    if (tokens.length === 0) return undefined;
    const container = valueAt(this.root, tokens.slice(0, -1));
    return isContainer(container) ? container : undefined;
  }
}

const noPlace = 'the resource has no such place';
const noSource = "the resource has nothing at 'from'";
const tooDeep = 'the value would lie too deep down';
const tooHeavy = 'the patch copies and moves too much';

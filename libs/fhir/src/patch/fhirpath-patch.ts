/**
 * FHIRPath Patch (https://hl7.org/fhir/R4/fhirpatch.html): Parameters whose operations name elements by FHIRPath. The
 * elements are looked up in ordinary JSON and changed in JSON that keeps the text of its numbers. What is no patch is
 * 400; what does not fit the resource is 422.
 */
import { isJsonObject, type JsonObject } from '../json/json-value.js';
import { TimeBudget } from '../fhirpath/time-budget.js';
import { tooCostly, unprocessable } from '../outcomes/outcome-error.js';
import type { FhirVersion } from '../versions/fhir-version.js';
import {
  type ElementPlace,
  listLength,
  objectAt,
  placeOf,
  removeElement,
  replaceElement,
  spliceElements,
  type TypedObject,
  valueAtPlace,
} from './element-tree.js';
import { elementFor, valueOf } from './patch-value.js';
import { type PatchOperation, readPatchOperations } from './patch-operations.js';
import { textOf } from './json-tree.js';
import { plainValue, readLossless } from './lossless-json.js';
import type { LocateElements } from './locate-elements.js';
import { finished, type ResourcePatch } from './resource-patch.js';

/** Each operation reads the whole resource: this many characters are read in a few hundred milliseconds. */
const maxWork = 20_000_000;

/** For all operations, whose paths may have many conditions: nothing else is done in the process meanwhile. */
const maxMilliseconds = 1_000;

/**
 * The patch that a Parameters resource says. Throws OutcomeError `invalid` when `text` is none. The patch throws
 * `unprocessable` when it does not fit the resource, and `too-costly` when it takes more than a second.
 */
export function fhirpathPatch(version: FhirVersion, text: string): ResourcePatch {
  const operations = readPatchOperations(version, text);
  return (body) => {
    if (operations.length * body.length > maxWork)
      throw tooCostly('The FHIRPath Patch has too many operations for a resource of this size');
    const resource = readLossless(body);
    if (!isJsonObject(resource)) throw unprocessable('There is no resource to patch');
    const root: TypedObject = { object: resource, type: textOf(resource.resourceType) };
    const outcome = new TimeBudget(maxMilliseconds).spend(() =>
      operations.forEach((operation, index) => {
        const problem = applyOperation(version, root, operation);
        if (problem === undefined) return;
        throw unprocessable(
          `Operation ${index} of the FHIRPath Patch (${operation.type} ${operation.path}): ${problem}`,
        );
      }),
    );
    if ('ranOut' in outcome) throw tooCostly('The FHIRPath Patch takes too long on a resource of this size');
    return finished(resource);
  };
}

/** Carries out one operation; returns what is wrong when it cannot be done. */
function applyOperation(version: FhirVersion, root: TypedObject, operation: PatchOperation): string | undefined {
  switch (operation.type) {
    case 'add': {
      const target = onlyObject(version, root, operation.locate);
      return typeof target === 'string' ? target : add(version, target, operation);
    }
    case 'delete': {
      const places = locate(version, root, operation.locate);
      const [place] = places;
      if (places.length > 1) return severalFound;
      if (place === 'root') return 'the resource itself cannot be deleted';
      if (place !== undefined) removeElement(place);
      return undefined;
    }
    case 'replace':
      return replace(version, root, operation);
    case 'insert': {
      const target = onlyObject(version, root, operation.locate);
      return typeof target === 'string' ? target : insert(version, target, operation);
    }
    case 'move': {
      const target = onlyObject(version, root, operation.locate);
      return typeof target === 'string' ? target : move(version, target, operation);
    }
  }
}

type OperationOf<Type extends PatchOperation['type']> = Extract<PatchOperation, { type: Type }>;

function add(version: FhirVersion, target: TypedObject, operation: OperationOf<'add'>): string | undefined {
  const element = elementFor(version, target.type, operation.name, operation.value);
  if (element === undefined) return `there is no element '${operation.name}' for such a value`;
  const { object } = target;
  const value = valueOf(version, element, operation.value);
  if (element.isArray) {
    spliceElements(object, element.name, listLength(object, element.name), 0, [value]);
    return undefined;
  }
  const forms = version
    .structure(target.type)
    ?.filter(({ choice }) => choice !== undefined && choice === element.choice);
  const taken = [element, ...(forms ?? [])].some(
    ({ name }) => Object.hasOwn(object, name) || Object.hasOwn(object, `_${name}`),
  );
  if (taken) return `the element '${operation.name}' is there already`;
  const parent = { parent: object, parentType: target.type, member: element.name, index: undefined };
  replaceElement(parent, element.name, value);
  return undefined;
}

function replace(version: FhirVersion, root: TypedObject, operation: OperationOf<'replace'>): string | undefined {
  const places = locate(version, root, operation.locate);
  const [place] = places;
  if (places.length > 1) return severalFound;
  if (place === undefined) return nothingFound;
  if (place === 'root') return 'the resource itself cannot be replaced';
  const current = version.structure(place.parentType)?.find(({ name }) => name === place.member);
  const element = elementFor(version, place.parentType, current?.choice ?? place.member, operation.value);
  if (element === undefined) return 'the element cannot have such a value';
  replaceElement(place, element.name, valueOf(version, element, operation.value));
  return undefined;
}

function insert(version: FhirVersion, target: TypedObject, operation: OperationOf<'insert'>): string | undefined {
  const element = elementFor(version, target.type, operation.list, operation.value);
  if (element?.isArray !== true) return `'${operation.list}' is no list for such a value`;
  if (operation.index > listLength(target.object, element.name)) return outsideList;
  spliceElements(target.object, element.name, operation.index, 0, [valueOf(version, element, operation.value)]);
  return undefined;
}

function move(version: FhirVersion, { object, type }: TypedObject, operation: OperationOf<'move'>): string | undefined {
  const { list, source, destination } = operation;
  const element = version.structure(type)?.find(({ name }) => name === list);
  if (element?.isArray !== true) return `'${list}' is no list`;
  const length = listLength(object, list);
  if (source >= length || destination >= length) return outsideList;
  // A list that is taken apart for a moment must not be dropped because it looks empty, so both steps are one here.
  const items = spliceElements(object, list, 0, length, []);
  items.splice(destination, 0, ...items.splice(source, 1));
  spliceElements(object, list, 0, 0, items);
  return undefined;
}

/** The one object that a path finds, or what is wrong. */
function onlyObject(version: FhirVersion, root: TypedObject, locator: LocateElements): TypedObject | string {
  const places = locate(version, root, locator);
  const [place] = places;
  if (places.length > 1) return severalFound;
  if (place === undefined) return nothingFound;
  return place === 'root' ? root : (objectAt(version, place) ?? nothingFound);
}

function locate(version: FhirVersion, root: TypedObject, locator: LocateElements): (ElementPlace | 'root')[] {
  const plain = plainValue(root.object) as JsonObject;
  return locator(plain).map((steps) => {
    if (steps.length === 0) return 'root';
    const place = placeOf(version, root, steps);
    if (place === undefined || isAbsent(place))
      throw unprocessable('The path leads to a place that is not in the JSON');
    if (place.member === 'resourceType') throw unprocessable('The type of a resource cannot be changed');
    return place;
  });
}

function isAbsent(place: ElementPlace): boolean {
  const { value, sibling } = valueAtPlace(place);
  return value === undefined && sibling === undefined;
}

const nothingFound = 'the path finds nothing';
const severalFound = 'the path finds more than one element';
const outsideList = 'the list has no such place';

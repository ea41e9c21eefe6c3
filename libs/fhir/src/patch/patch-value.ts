/**
 * The values of a FHIRPath Patch. Data types stand as `value[x]`; what Parameters have no `value[x]` for, such as
 * `Patient.contact`, is put together from parts with the names of its elements.
 */
import { isJsonObject, type JsonObject } from '../json/json-value.js';
import { badRequest, unprocessable } from '../outcomes/outcome-error.js';
import type { StructureElement } from '../definitions/structure.js';
import { capitalised, type ElementValue, listLength, spliceElements, type Structures } from './element-tree.js';
import { textOf } from './json-tree.js';

/** The members with which an element that is a primitive can be extended. */
const elementMembers: readonly StructureElement[] = [
  { name: 'id', type: 'string', isArray: false, isRequired: false },
  { name: 'extension', type: 'Extension', isArray: true, isRequired: false },
];

/**
 * The element `name` of objects of `type` that can hold the value in `part`. Of a choice it is the form for the value's
 * own type, whether `name` is that form's or the choice's. Undefined when there is none.
 */
export function elementFor(
  version: Structures,
  type: string,
  name: string,
  part: JsonObject,
): StructureElement | undefined {
  const elements = type === 'Element' ? elementMembers : (version.structure(type) ?? []);
  const form = `${name}${formOf(part) ?? ''}`;
  return (
    elements.find((element) => element.choice === name && element.name === form) ??
    elements.find((element) => element.name === name)
  );
}

/** What `part` puts into `element`. Throws OutcomeErrors for what cannot be a value of it. */
export function valueOf(version: Structures, element: StructureElement, part: JsonObject): ElementValue {
  if (isJsonObject(part.resource)) return { value: structuredClone(part.resource) };
  const member = valueMember(part);
  if (member !== undefined) {
    const sibling = part[`_${member}`];
    return {
      value: structuredClone(part[member]),
      ...(sibling === undefined ? {} : { sibling: structuredClone(sibling) }),
    };
  }
  const parts = Array.isArray(part.part) ? part.part.filter(isJsonObject) : [];
  if (parts.length === 0) throw badRequest(`The value for '${element.name}' is missing in the FHIRPath Patch`);
  return { value: objectOf(version, element.type, parts) };
}

function objectOf(version: Structures, type: string, parts: readonly JsonObject[]): JsonObject {
  const object: JsonObject = {};
  for (const part of parts) {
    const name = textOf(part.name);
    const element = elementFor(version, type, name, part);
    if (element === undefined)
      throw unprocessable(`The FHIRPath Patch has a value for ${type}.${name}, which there is not`);
    const { value, sibling } = valueOf(version, element, part);
    if (element.isArray) {
      const added = { value, ...(sibling === undefined ? {} : { sibling }) };
      spliceElements(object, element.name, listLength(object, element.name), 0, [added]);
      continue;
    }
    if (value !== undefined) object[element.name] = value;
    if (sibling !== undefined) object[`_${element.name}`] = sibling;
  }
  return object;
}

/** `Quantity` when the part holds a `valueQuantity`. */
function formOf(part: JsonObject): string | undefined {
  const member = valueMember(part);
  return member === undefined ? undefined : capitalised(member.slice('value'.length));
}

/** The member `value[x]` of a part; one that has only extensions stands under its name with an underscore. */
function valueMember(part: JsonObject): string | undefined {
  return Object.keys(part)
    .map((name): string => name.replace(/^_/, ''))
    .find((name) => /^value[A-Z]/.test(name));
}

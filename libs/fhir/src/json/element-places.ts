/**
 * What the strings in a resource's text are, without parsing it: for the few places that must find an element of a certain
 * type in a text and keep everything else of it as it came. The text is walked over once; what is asked of the version is
 * only the types around the strings in question.
 */
import type { FhirVersion } from '../versions/fhir-version.js';

/** A string value in the text of a resource. */
interface ElementPlace {
  /** The type of the object whose member it is (`Attachment`, `Patient.contact`); `unknown` when the version has none. */
  readonly holder: string;
  /** The member of that object that it is the value of, or an item of. */
  readonly member: string;
  /** Whether it stands in a resource that is an entry of a Bundle. */
  readonly isInBundle: boolean;
}

/**
 * What the strings of `text` are that start at `starts`, which are in order and each the opening quote of a value. `text`
 * is a resource in normal form.
 */
export function elementPlaces(
  version: Pick<FhirVersion, 'structure' | 'isResourceType'>,
  text: string,
  starts: readonly { readonly start: number }[],
): ElementPlace[] {
  const typeOf = typesOf(version);
  return membersAt(text, starts).map(({ object, member }) => ({
    holder: typeOf(object),
    member,
    get isInBundle() {
      return isIn(object, bundleEntry, typeOf);
    },
  }));
}

const bundleEntry = 'Bundle.entry';

function isIn(object: ObjectPlace, type: string, typeOf: (object: ObjectPlace) => string): boolean {
  for (let around: ObjectPlace | undefined = object; around !== undefined; around = around.parent) {
    if (typeOf(around) === type) return true;
  }
  return false;
}

/** An object in the text. */
interface ObjectPlace {
  /** The object that it stands in, itself or in a list; undefined for the resource at the top. */
  readonly parent: ObjectPlace | undefined;
  /** The member of that object that it is the value of, or an item of. */
  readonly member: string;
  resourceType?: string;
  /** Its type, once it was asked for; `unknown` when the version does not define it. */
  type?: string;
}

const quote = 0x22;
const colon = 0x3a;
const backslash = 0x5c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

interface MemberPlace {
  readonly object: ObjectPlace;
  readonly member: string;
}

/** For each string the object whose member it is, and which. */
function membersAt(text: string, starts: readonly { readonly start: number }[]): MemberPlace[] {
  const found: MemberPlace[] = [];
  /** What is open: objects, and lists as the member that they are the value of. */
  const open: (ObjectPlace | string)[] = [];
  let object: ObjectPlace | undefined;
  let member = '';
  for (let at = 0; at < text.length;) {
    const code = text.charCodeAt(at);
    if (code === quote) {
      const end = endOfString(text, at);
      if (text.charCodeAt(end) === colon) {
        member = text.slice(at + 1, end - 1);
        if (member === 'resourceType' && object !== undefined) {
          const value = endOfString(text, end + 1);
          object.resourceType = text.slice(end + 2, value - 1);
        }
      } else if (at === starts[found.length]?.start && object !== undefined) {
        found.push({ object, member });
        // Whatever is around them may still say of what type it is.
        if (found.length === starts.length && !text.includes('"resourceType"', end)) break;
      }
      at = end;
      continue;
    }
    if (code === openBrace) {
      // An item of a list stands under the member that the list is the value of.
      const list = open.at(-1);
      object = { parent: object, member: typeof list === 'string' ? list : member };
      open.push(object);
    } else if (code === openBracket) {
      open.push(member);
    } else if (code === closeBrace) {
      open.pop();
      object = object?.parent;
    } else if (code === closeBracket) {
      open.pop();
    }
    at++;
  }
  return found;
}

/** The position behind the string that starts at `start`: behind the first quote that is not escaped. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === backslash) backslashes++;
    if (backslashes % 2 === 0) return end + 1;
  }
  return text.length;
}

/** Says of what type an object is, as far as the version defines it. */
function typesOf(version: Pick<FhirVersion, 'structure' | 'isResourceType'>): (object: ObjectPlace) => string {
  const typeOf = (object: ObjectPlace): string => (object.type ??= findType(object) ?? 'unknown');
  const findType = ({ parent, member, resourceType }: ObjectPlace): string | undefined => {
    if (parent === undefined) return resourceType;
    const parentType = typeOf(parent);
    // What stands beside a primitive value holds its extensions.
    if (member.startsWith('_')) return version.structure(parentType) && 'Element';
    const element = version.structure(parentType)?.find(({ name }) => name === member);
    if (element === undefined) return undefined;
    return element.type === 'Resource' || version.isResourceType(element.type) ? resourceType : element.type;
  };
  return typeOf;
}

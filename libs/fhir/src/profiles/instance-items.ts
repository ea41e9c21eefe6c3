/** What a resource has under the name of an element, with all that is needed to go on from there. */
import type { StructureElement } from '../definitions/structure.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../json/json-value.js';
import { noValue, type Item as Value, type StructureOf } from '../validation/invariants/paths.js';

/** A value in a resource. */
export interface Item {
  /** `noValue` for a primitive that has extensions only. */
  readonly value: Value;
  /** For a primitive: the object with its extensions. */
  readonly sibling?: JsonObject | undefined;
  /** Its type as `StructureOf` knows it; of a resource its resourceType. */
  readonly type: string;
  readonly isPrimitive: boolean;
  /** Its place, where the element is a list. */
  readonly index?: number;
}

/** The JSON members that an element may stand in. */
interface Members {
  /** The element's name in expressions: `value` for `valueQuantity`. */
  readonly segment: string;
  readonly isArray: boolean;
  readonly members: readonly Member[];
}

export interface Member {
  readonly name: string;
  readonly type: string;
  readonly isPrimitive: boolean;
  readonly isArray: boolean;
}

/** Where elements stand in the JSON of a version's types. */
export class ElementAccess {
  private readonly known = new Map<string, Members>();

  constructor(private readonly structure: StructureOf) {}

  /** Whether objects of the type have elements of their own. */
  isComplex(type: string): boolean {
    return type === 'Resource' || this.structure(type) !== undefined;
  }

  isResource(type: string): boolean {
    return type === 'Resource' || this.structure(type)?.some(({ name }) => name === 'implicitRules') === true;
  }

  /**
   * The members for the element `name` of a type: a plain one, a choice (`value[x]`, `value`) or one form of it
   * (`valueQuantity`). Undefined when the type has no such element. A primitive has those of every element.
   */
  members(type: string, name: string): Members | undefined {
    const key = `${type} ${name}`;
    let found = this.known.get(key);
    if (found === undefined) {
      found = this.find(type, name);
      if (found !== undefined) this.known.set(key, found);
    }
    return found;
  }

  /** What `parent` has under the name of the element. */
  items(parent: Item, name: string): Item[] {
    const source = parent.isPrimitive ? parent.sibling : parent.value;
    const found = this.members(parent.type, name);
    if (found === undefined || !isJsonObject(source)) return [];
    const items: Item[] = [];
    for (const member of found.members) this.take(source, member, items);
    return items;
  }

  private find(type: string, name: string): Members | undefined {
    const elements = this.structure(type) ?? (type === 'Resource' ? [] : (this.structure('Element') ?? []));
    const base = name.endsWith('[x]') ? name.slice(0, -'[x]'.length) : name;
    const named = elements.filter((element) => (element.choice ?? element.name) === base);
    const forms = named.length > 0 ? named : elements.filter((element) => element.name === base);
    const [first] = forms;
    if (first === undefined) return undefined;
    const segment = first.choice ?? first.name;
    return { segment, isArray: first.isArray, members: forms.map((form) => this.memberOf(form)) };
  }

  private memberOf({ name, type, isArray }: StructureElement): Member {
    return { name, type, isArray, isPrimitive: !this.isComplex(type) };
  }

  private take(source: JsonObject, member: Member, items: Item[]): void {
    const value = source[member.name];
    const sibling = member.isPrimitive ? source[`_${member.name}`] : undefined;
    if (!member.isArray) return this.add(member, value, sibling, undefined, items);
    const values = Array.isArray(value) ? value : [];
    const siblings = Array.isArray(sibling) ? sibling : [];
    for (let index = 0; index < Math.max(values.length, siblings.length); index++) {
      this.add(member, values[index], siblings[index], index, items);
    }
  }

  private add(
    { type, isPrimitive }: Member,
    value: JsonValue | undefined,
    sibling: JsonValue | undefined,
    index: number | undefined,
    items: Item[],
  ): void {
    const isThere = value !== undefined && value !== null;
    const extended = isJsonObject(sibling) ? sibling : undefined;
    if (!isThere && extended === undefined) return;
    const named = type === 'Resource' && isJsonObject(value) ? value.resourceType : undefined;
    items.push({
      value: isThere ? value : noValue,
      sibling: extended,
      type: typeof named === 'string' ? named : type,
      isPrimitive,
      ...(index === undefined ? {} : { index }),
    });
  }
}

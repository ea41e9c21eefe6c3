/** From the elements of a StructureDefinition to rules; what means nothing here is left out and noted. */
import { isJsonObject, type JsonObject, type JsonValue } from '../json/json-value.js';
import type { DefinitionNode } from './definition-tree.js';
import { prescribed } from './fixed-values.js';
import type { ElementAccess, Member } from './instance-items.js';
import { codeBinding, type KnownCodes } from './profile-bindings.js';
import { profileConstraints, type ConstraintContext } from './profile-constraints.js';
import type { ElementRule, Slicing } from './profile.js';
import { compileSlicing } from './slicing.js';

export interface ElementContext extends ConstraintContext, KnownCodes {
  readonly access: ElementAccess;
}

/** Where an element stands. */
interface Place {
  /** For messages: `Patient.contact.name`. */
  readonly path: string;
  /** The same from the type that has the element: `Patient.contact.name`, and then `HumanName.family`. */
  readonly member: string;
  /** The element's name in expressions. */
  readonly segment: string;
  /** By type, what is known of it in the type that the profile constrains; the types of its values. */
  readonly members: readonly Pick<Member, 'type' | 'isArray'>[];
}

/** More of them, and longer ones, help nobody. */
const maxNotes = 50;
const maxNoteLength = 500;

/** Roughly what is kept of each, in bytes: an expression is kept as a tree of its parts. */
const bytes = { rule: 2_000, slice: 4_000, expressionCharacter: 500, jsonCharacter: 10 } as const;

export class ElementCompiler {
  /** Canonical references of the profiles that elements name. */
  readonly needs = new Set<string>();
  /** Roughly how many bytes the rules take that have been made. */
  weight = 0;

  constructor(
    private readonly context: ElementContext,
    readonly notes: string[],
  ) {}

  /** The rule for the whole of a value of `type`. */
  root(node: DefinitionNode, type: string): ElementRule {
    const place: Place = { path: type, member: type, segment: type, members: [{ type, isArray: false }] };
    const { min: _min, max: _max, type: _type, ...definition } = node.definition;
    return this.rule({ ...node, definition }, place);
  }

  /** Notes what is not checked. */
  note(text: string): void {
    if (this.notes.length < maxNotes) this.notes.push(text.slice(0, maxNoteLength));
  }

  private rule(node: DefinitionNode, place: Place): ElementRule {
    const { definition, name } = node;
    const { path, member, segment } = place;
    const types = this.narrowedTypes(definition, place);
    const here = types ?? [...new Set(place.members.map(({ type }) => type))];
    const binding = codeBinding(this.context, definition);
    const fixed = prescribed(definition, 'fixed');
    const pattern = prescribed(definition, 'pattern');
    const base =
      here.length === 1 && here[0] !== undefined && this.context.access.isComplex(here[0]) ? here[0] : member;
    const slicing = this.slicing(node, place);
    const rule: ElementRule = {
      name,
      segment,
      min: typeof definition.min === 'number' ? definition.min : 0,
      max: maximumOf(
        definition,
        place.members.some(({ isArray }) => isArray),
      ),
      ...(types === undefined ? {} : { types: new Set(types) }),
      ...(fixed === undefined ? {} : { fixed }),
      ...(pattern === undefined ? {} : { pattern }),
      ...(typeof definition.maxLength === 'number' ? { maxLength: definition.maxLength } : {}),
      ...(binding === undefined ? {} : { binding }),
      constraints: profileConstraints(this.context, definition, { path, base, types: here }, (text) => this.note(text)),
      typeProfiles: this.typeProfiles(definition),
      children: node.children.flatMap((child) => this.child(child, path, here)),
      ...(slicing === undefined ? {} : { slicing }),
    };
    if (saysSomething(rule)) this.weight += weightOf(rule);
    return rule;
  }

  private child(node: DefinitionNode, parent: string, types: readonly string[]): ElementRule[] {
    const path = `${parent}.${node.name}`;
    const found = types.flatMap((type) => this.context.access.members(type, node.name) ?? []);
    const [first] = found;
    if (first === undefined) {
      this.note(`${path} is no element of ${types.slice(0, 5).join(', ')}.`);
      return [];
    }
    const [only = '', ...others] = types;
    const { segment } = first;
    const member = others.length === 0 ? `${only}.${segment}` : path;
    const rule = this.rule(node, { path, member, segment, members: found.flatMap(({ members }) => members) });
    return saysSomething(rule) ? [rule] : [];
  }

  /** The types that the profile leaves of those that there are; undefined when it takes none away. */
  private narrowedTypes(definition: JsonObject, { members }: Place): readonly string[] | undefined {
    const { access } = this.context;
    const codes = objectsOf(definition.type).flatMap(({ code }) => (typeof code === 'string' ? [code] : []));
    const all = [...new Set(members.map(({ type }) => type))];
    if (all.length === 1 && all[0] === 'Resource') {
      const isAny = codes.length === 0 || codes.some((code) => anyResource.has(code));
      return isAny || !codes.every((code) => access.isResource(code)) ? undefined : codes;
    }
    const left = all.filter((type) => codes.includes(type));
    return left.length === 0 || left.length === all.length ? undefined : left;
  }

  private typeProfiles(definition: JsonObject): ReadonlyMap<string, readonly string[]> {
    const found = new Map<string, readonly string[]>();
    for (const { code, profile } of objectsOf(definition.type)) {
      const named = Array.isArray(profile) ? profile.filter((url) => typeof url === 'string') : [];
      if (typeof code !== 'string' || named.length === 0) continue;
      found.set(code, [...(found.get(code) ?? []), ...named]);
      for (const url of named) this.needs.add(url);
    }
    return found;
  }

  private slicing(node: DefinitionNode, place: Place): Slicing | undefined {
    if (node.slices.length === 0) return undefined;
    const rules = node.slices.map((slice) => ({
      sliceName: slice.sliceName ?? '',
      rule: this.rule(slice, place),
    }));
    return compileSlicing(this.context.access, node.definition, node.name, rules, (text) =>
      this.note(`${place.path}: ${text}`),
    );
  }
}

const anyResource: ReadonlySet<string> = new Set(['Resource', 'DomainResource']);

/** What is no list cannot be there more than once. */
function maximumOf({ max }: JsonObject, isArray: boolean): number {
  if (typeof max !== 'string' || !/^\d{1,9}$/.test(max)) return Infinity;
  return isArray || max === '0' ? Number(max) : Infinity;
}

/** What the rule takes without those below it. */
function weightOf({ fixed, pattern, constraints, typeProfiles, slicing }: ElementRule): number {
  const json = [fixed ?? null, pattern ?? null, ...typeProfiles.values(), ...constraints.map(({ human }) => human)];
  const expressions = constraints.reduce((sum, { expression }) => sum + expression.length, 0);
  return (
    bytes.rule +
    bytes.slice * (slicing?.slices.length ?? 0) +
    bytes.expressionCharacter * expressions +
    bytes.jsonCharacter * JSON.stringify(json).length
  );
}

function saysSomething(rule: ElementRule): boolean {
  const { min, max, types, fixed, pattern, maxLength, binding, constraints, typeProfiles, children, slicing } = rule;
  return (
    min > 0 ||
    max < Infinity ||
    constraints.length + typeProfiles.size + children.length > 0 ||
    [types, fixed, pattern, maxLength, binding, slicing].some((demand) => demand !== undefined)
  );
}

const objectsOf = (value: JsonValue | undefined): JsonObject[] =>
  Array.isArray(value) ? value.filter(isJsonObject) : [];

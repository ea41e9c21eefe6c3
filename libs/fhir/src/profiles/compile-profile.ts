/**
 * StructureDefinitions that constrain a type (https://hl7.org/fhir/R4/profiling.html), from JSON to rules. They are written
 * by whoever may store them, so nothing in one is taken for granted.
 */
import { isJsonObject, type JsonObject, type JsonValue } from '../json/json-value.js';
import { ElementCompiler, type ElementContext } from './compile-element.js';
import { definitionTree } from './definition-tree.js';
import type { Profile } from './profile.js';

/** Three times as many as the largest profiles that people publish. */
const maxElements = 3_000;

/** Why a StructureDefinition is not applied as a profile; the text reads on from its name. */
export interface NoProfile {
  readonly problem: string;
}

/**
 * Reads a profile: its snapshot, or else its differential together with the profile that this one is made of. Never throws
 * for what is in the definition.
 */
export function compileProfile(context: ElementContext, definition: JsonObject): Profile | NoProfile {
  const { url, version, type, derivation, baseDefinition, kind } = definition;
  if (typeof url !== 'string') return { problem: 'has no url' };
  if (derivation !== 'constraint') return { problem: "does not constrain a type: its derivation is not 'constraint'" };
  if (typeof type !== 'string' || (context.structure(type) === undefined && kind !== 'primitive-type')) {
    return { problem: 'constrains a type that there is not' };
  }
  const snapshot = elementsOf(definition.snapshot);
  const elements = snapshot.length > 0 ? snapshot : elementsOf(definition.differential);
  if (elements.length === 0) return { problem: 'has no elements' };
  if (elements.length > maxElements) return { problem: `has more than ${maxElements} elements` };
  const tree = definitionTree(elements, type);
  if (tree === undefined) return { problem: 'has elements whose path does not begin with its type' };
  const notes: string[] = [];
  const compiler = new ElementCompiler(context, notes);
  for (const note of tree.notes) compiler.note(note);
  const root = compiler.root(tree.root, type);
  const base = snapshot.length === 0 && typeof baseDefinition === 'string' ? baseDefinition : undefined;
  if (base !== undefined) compiler.needs.add(base);
  return {
    url,
    ...(typeof version === 'string' ? { version } : {}),
    type,
    needs: [...compiler.needs],
    ...(base === undefined ? {} : { base }),
    notes,
    root,
    weight: compiler.weight,
  };
}

const elementsOf = (view: JsonValue | undefined): readonly JsonValue[] =>
  isJsonObject(view) && Array.isArray(view.element) ? view.element : [];

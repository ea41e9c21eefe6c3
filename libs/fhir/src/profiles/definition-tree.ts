/**
 * The elements of a StructureDefinition as a tree (https://hl7.org/fhir/R4/elementdefinition.html#path). The list is in
 * document order, so an element belongs below the last one that has the path above it, which may be a slice.
 */
import { isJsonObject, type JsonObject, type JsonValue } from '../json/json-value.js';

/** An element of the definition, or one that only stands above others and says nothing itself. */
export interface DefinitionNode {
  /** The last part of its path: `name`, `value[x]`. */
  readonly name: string;
  definition: JsonObject;
  readonly sliceName?: string;
  readonly children: DefinitionNode[];
  readonly slices: DefinitionNode[];
}

/** Deeper than any definition that is meant; what is below is left out. */
const maxDepth = 20;

export interface DefinitionTree {
  readonly root: DefinitionNode;
  /** Elements that have no place in the tree, with the reason. */
  readonly notes: readonly string[];
}

/** The tree of a list of elements that are about `type`; undefined when one of them is about something else. */
export function definitionTree(elements: readonly JsonValue[], type: string): DefinitionTree | undefined {
  const root = new OpenNode({ name: type, definition: {}, children: [], slices: [] });
  const notes: string[] = [];
  for (const element of elements) {
    if (!isJsonObject(element) || typeof element.path !== 'string') return undefined;
    const [first, ...steps] = element.path.split('.');
    if (first !== type) return undefined;
    if (steps.length === 0) root.node.definition = element;
    else if (steps.length > maxDepth || steps.includes('')) notes.push(`${element.path} is nested too deeply.`);
    else place(root, steps, element, notes);
  }
  return { root: root.node, notes };
}

/** A node with those below it that elements to come may belong to. */
class OpenNode {
  readonly last = new Map<string, OpenNode>();

  constructor(readonly node: DefinitionNode) {}
}

function place(root: OpenNode, steps: readonly string[], definition: JsonObject, notes: string[]): void {
  let parent = root;
  for (const step of steps.slice(0, -1)) parent = parent.last.get(step) ?? opened(parent, step, {});
  const name = steps.at(-1) ?? '';
  const { path, sliceName } = definition;
  const unsliced = parent.node.children.find((child) => child.name === name);
  if (typeof sliceName !== 'string') {
    if (unsliced === undefined) opened(parent, name, definition);
    else {
      if (Object.keys(unsliced.definition).length === 0) unsliced.definition = definition;
      parent.last.set(name, new OpenNode(unsliced));
    }
    return;
  }
  const slice: DefinitionNode = { name, definition, sliceName, children: [], slices: [] };
  const sliced = unsliced ?? opened(parent, name, {}).node;
  // A slice of a slice is open, so that what is below it goes nowhere else, but it is no part of the tree.
  if (sliceName.includes('/'))
    notes.push(`${typeof path === 'string' ? path : name}: slices of the slice '${sliceName}' are not checked.`);
  else sliced.slices.push(slice);
  parent.last.set(name, new OpenNode(slice));
}

function opened(parent: OpenNode, name: string, definition: JsonObject): OpenNode {
  const open = new OpenNode({ name, definition, children: [], slices: [] });
  parent.node.children.push(open.node);
  parent.last.set(name, open);
  return open;
}

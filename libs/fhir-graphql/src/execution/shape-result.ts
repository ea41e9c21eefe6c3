/**
 * The directives that change the form of a result (https://hl7.org/fhir/R4/graphql.html#flattening). They are carried
 * out on the finished result, field by field along the query:
 *
 * - `@first` keeps the first element of a list;
 * - `@slice` puts each element under a name of its own, `name.official`; inside a flattened field the ending goes on to
 *   the names of what it holds;
 * - `@flatten` puts what the field holds in its place; of a list, the values are collected in lists;
 * - `@singleton` makes one value of such a list.
 */
import {
  GraphQLError,
  Kind,
  type ExecutionArgs,
  type FieldNode,
  type FragmentDefinitionNode,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';
import { shapeDirectives } from '../schema/shape-directives.js';

type Result = Record<string, unknown>;

/** What `shapeResult` has to know of the request. */
export interface ShapeContext extends Pick<ExecutionArgs, 'document' | 'schema'> {
  /** For lists with `@slice`, by their place in the result: the ending of each element's name. */
  readonly slices: ReadonlyMap<string, readonly string[]>;
}

/** Whether the document has any directive that changes the form of its result. */
export function changesShape(query: string): boolean {
  return Object.values(shapeDirectives).some((name) => query.includes(`@${name}`) || query.includes(`@ ${name}`));
}

/**
 * `data` in the form that the directives of the operation ask for. Throws GraphQLError for a `@singleton` that has
 * several values, and for values of different kinds that flattening would mix under one name.
 */
export function shapeResult(data: Result, operation: OperationDefinitionNode, context: ShapeContext): Result {
  return new ResultShape(context).object(data, [operation.selectionSet], '');
}

/** What goes into an object under one name, before it is known whether it will be one value or a list. */
interface Slot {
  readonly values: unknown[];
  /** False once a list has put a value here. */
  isSingle: boolean;
  /** True once a flattened list has: what an element lacks leaves no gap in a collected list. */
  isCollected: boolean;
  node: FieldNode;
  isSingleton: boolean;
}

class ResultShape {
  private readonly fragments = new Map<string, FragmentDefinitionNode>();

  constructor(private readonly context: ShapeContext) {
    for (const definition of context.document.definitions) {
      if (definition.kind === Kind.FRAGMENT_DEFINITION) this.fragments.set(definition.name.value, definition);
    }
  }

  object(value: Result, selections: readonly SelectionSetNode[], path: string): Result {
    const slots = new Map<string, Slot>();
    this.collect(value, selections, path, '', false, slots);
    const filled = [...slots].filter(([, { isCollected, values }]) => !isCollected || values.some(isPresent));
    return Object.fromEntries(filled.map(([name, slot]) => [name, valueOf(name, slot)]));
  }

  /** Puts the fields of `value` into `slots`. `inList`: they come from an element of a flattened list. */
  private collect(
    value: Result,
    selections: readonly SelectionSetNode[],
    path: string,
    ending: string,
    inList: boolean,
    slots: Map<string, Slot>,
  ): void {
    const nodes = this.nodesOf(selections);
    for (const [name, member] of Object.entries(value)) {
      const fields = nodes.get(name) ?? [];
      const [node] = fields;
      if (node === undefined) continue;
      const place = path === '' ? name : `${path}/${name}`;
      const elements = this.elementsOf(node, member, place);
      for (const element of elements) {
        const end = ending + element.ending;
        const below = fields.flatMap(({ selectionSet }) => (selectionSet === undefined ? [] : [selectionSet]));
        if (has(node, shapeDirectives.flatten) && isObject(element.value)) {
          const isList = Array.isArray(member);
          this.collect(element.value, below, element.place, end, inList || isList, slots);
        } else {
          const shaped = isObject(element.value) ? this.object(element.value, below, element.place) : element.value;
          const slot = slotOf(slots, name + end, node);
          slot.isCollected ||= inList;
          slot.isSingle &&= !inList && !element.isOfList;
          put(slot, name + end, shaped);
        }
      }
      const isFlat = has(node, shapeDirectives.flatten);
      // A list without elements is still a list, unless it was to be flattened away.
      if (Array.isArray(member) && elements.length === 0 && !isFlat)
        slotOf(slots, name + ending, node).isSingle = false;
    }
  }

  /** The elements of a list, or the one value, each with the ending of its name. */
  private elementsOf(
    node: FieldNode,
    member: unknown,
    place: string,
  ): { value: unknown; ending: string; place: string; isOfList: boolean }[] {
    if (!Array.isArray(member)) return [{ value: member, ending: '', place, isOfList: false }];
    const endings = this.context.slices.get(place);
    const all = member.map((value: unknown, index) => ({
      value,
      ending: endings?.[index] === undefined ? '' : `.${endings[index]}`,
      place: `${place}/${index}`,
      isOfList: true,
    }));
    return has(node, shapeDirectives.first) ? all.slice(0, 1) : all;
  }

  /** The fields of some selection sets by the name they have in the result. */
  private nodesOf(selections: readonly SelectionSetNode[]): Map<string, FieldNode[]> {
    const nodes = new Map<string, FieldNode[]>();
    const visit = (set: SelectionSetNode | undefined): void => {
      for (const selection of set?.selections ?? []) {
        if (selection.kind === Kind.FIELD) {
          const name = (selection.alias ?? selection.name).value;
          nodes.set(name, [...(nodes.get(name) ?? []), selection]);
        } else if (selection.kind === Kind.INLINE_FRAGMENT) visit(selection.selectionSet);
        else visit(this.fragments.get(selection.name.value)?.selectionSet);
      }
    };
    selections.forEach(visit);
    return nodes;
  }
}

function slotOf(slots: Map<string, Slot>, name: string, node: FieldNode): Slot {
  let slot = slots.get(name);
  if (slot === undefined) {
    slot = { values: [], isSingle: true, isCollected: false, node, isSingleton: has(node, shapeDirectives.singleton) };
    slots.set(name, slot);
  }
  return slot;
}

function put({ values, node }: Slot, name: string, value: unknown): void {
  const [first] = values;
  if (first !== undefined && first !== null && value !== null && kindOf(first) !== kindOf(value)) {
    throw new GraphQLError(`Flattening mixes values of different types under the name '${name}'.`, { nodes: node });
  }
  values.push(value);
}

function valueOf(name: string, { values, isSingle, isCollected, isSingleton, node }: Slot): unknown {
  if (!isSingle && !isSingleton) return isCollected ? values.filter(isPresent) : values;
  const present = values.filter(isPresent);
  if (isSingleton && present.length > 1) {
    throw new GraphQLError(`The field '${name}' has ${present.length} values, but is marked @singleton.`, {
      nodes: node,
    });
  }
  return present[0] ?? null;
}

const isPresent = (value: unknown): boolean => value !== null && value !== undefined;

const has = (node: FieldNode, directive: string): boolean =>
  node.directives?.some(({ name }) => name.value === directive) ?? false;

const isObject = (value: unknown): value is Result =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Numbers and texts are both strings here; a number starts with NUL. */
const kindOf = (value: unknown): string =>
  typeof value === 'string' && value.startsWith('\u0000') ? 'number' : typeof value;

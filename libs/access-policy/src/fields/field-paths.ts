/**
 * The paths by which access policies name fields: `birthDate`, `address.postalCode` (of every address), `value[x]` (all
 * forms of a choice). A leading type name (`Patient.birthDate`) may stand before any of them.
 *
 * A path means the field and all below it. Of a primitive it means both members that JSON has for it: `birthDate` and
 * `_birthDate` (https://hl7.org/fhir/R4/json.html#primitive).
 */

/** The paths that lead on from one place, by their next step. */
export interface FieldTree {
  /** The field at this place itself is meant. */
  readonly isMeant: boolean;
  readonly below: ReadonlyMap<string, FieldTree>;
}

/** One of these is the list of what the other is the first of. */
const accountMembers: ReadonlyMap<string, string> = new Map([
  ['account', 'accounts'],
  ['accounts', 'account'],
]);

/** Paths to hide with what says the same elsewhere: of `meta.accounts` and `meta.account`, one never goes without the other. */
export function withRepeats(paths: readonly string[]): readonly string[] {
  const repeats = paths.flatMap((path) => {
    const [meta, member = '', ...rest] = stepsOf(path);
    const other = meta === 'meta' ? accountMembers.get(member) : undefined;
    return other === undefined ? [] : [['meta', other, ...rest].join('.')];
  });
  return repeats.length === 0 ? paths : [...new Set([...paths, ...repeats])];
}

interface GrowingTree extends FieldTree {
  isMeant: boolean;
  readonly below: Map<string, GrowingTree>;
}

/** The steps of a path, without the type name. */
export function stepsOf(path: string): string[] {
  const steps = path.split('.').filter((step) => step !== '');
  return /^[A-Z]/.test(steps[0] ?? '') ? steps.slice(1) : steps;
}

const trees = new WeakMap<readonly string[], FieldTree>();

/** The paths as a tree from the resource on. The same list always has the same tree. */
export function fieldTree(paths: readonly string[]): FieldTree {
  const known = trees.get(paths);
  if (known !== undefined) return known;
  const root = emptyTree();
  for (const path of paths) {
    let place = root;
    const steps = stepsOf(path);
    for (const step of steps) {
      const next = place.below.get(step) ?? emptyTree();
      place.below.set(step, next);
      place = next;
    }
    // A path without any step names nothing: the whole resource cannot be a field of itself.
    if (steps.length > 0) place.isMeant = true;
  }
  trees.set(paths, root);
  return root;
}

const emptyTree = (): GrowingTree => ({ isMeant: false, below: new Map() });

/** What the paths of `tree` say of the member called `name` of the object at that place; undefined: nothing. */
export function treeOfMember(tree: FieldTree, name: string): FieldTree | undefined {
  const field = name.startsWith('_') ? name.slice(1) : name;
  let found = tree.below.get(field);
  for (const [step, below] of tree.below) {
    if (isFormOf(step, field)) found = found === undefined ? below : joined(found, below);
  }
  return found;
}

const choiceMark = '[x]';

/** Whether the step is a choice (`value[x]`) and `name` one of its forms (`valueQuantity`). */
export function isFormOf(step: string, name: string): boolean {
  if (!step.endsWith(choiceMark)) return false;
  const base = step.slice(0, -choiceMark.length);
  return name.startsWith(base) && (name.length === base.length || isCapital(name.charCodeAt(base.length)));
}

export const isCapital = (code: number): boolean => code >= 0x41 && code <= 0x5a;

function joined(one: FieldTree, other: FieldTree): FieldTree {
  const below = new Map(one.below);
  for (const [step, tree] of other.below) {
    const known = below.get(step);
    below.set(step, known === undefined ? tree : joined(known, tree));
  }
  return { isMeant: one.isMeant || other.isMeant, below };
}

/** Members that make a resource one, which no path takes away. */
export const identifyingMembers: ReadonlySet<string> = new Set(['resourceType', 'id']);

/** Members of `meta` that every version has, which no path takes away either. */
export const versionMembers: ReadonlySet<string> = new Set(['versionId', 'lastUpdated']);

/**
 * Parameters that are unions of others. Observation has three of a kind: `code`, `component-code`, and `combo-code` for
 * both. Since the values of the third stand in the index already, under the keys of the first two, it needs no entries
 * of its own, which for an Observation is a third of all that is written.
 */
import type { SearchParameterDefinition } from '../definitions/definition-folders.js';

/** What a parameter is about: how it compares, and the branches of its expression as comparable texts. */
export interface Branches {
  readonly type: SearchParameterDefinition['type'];
  readonly branches: ReadonlySet<string>;
}

/** The branches of `definition` for resources of `base`. Those of composites include what their components are. */
export function branchesOf(definition: SearchParameterDefinition, base: string): Branches {
  const components = (definition.component ?? []).map(({ expression }) => expression);
  const branches = (definition.byBase?.[base] ?? []).map((branch) => JSON.stringify([branch, ...components]));
  return { type: definition.type, branches: new Set(branches) };
}

/** The types whose index entries are looked up by any number of keys. */
const combinable = new Set<SearchParameterDefinition['type']>(['token', 'number', 'quantity', 'composite']);

/**
 * For each parameter (by code) that finds exactly what two or more others of its kind find together, the codes of those
 * others.
 */
export function unions(parameters: ReadonlyMap<string, Branches>): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, readonly string[]>();
  for (const [code, whole] of parameters) {
    if (whole.branches.size < 2 || !combinable.has(whole.type)) continue;
    const parts = [...parameters].filter(
      ([other, { type, branches }]) =>
        other !== code && type === whole.type && branches.size > 0 && isWithin(branches, whole.branches),
    );
    const covered = new Set(parts.flatMap(([, { branches }]) => [...branches]));
    if (covered.size === whole.branches.size)
      found.set(
        code,
        parts.map(([part]) => part),
      );
  }
  return found;
}

/** Properly: a parameter with the same branches is no part of another. */
function isWithin(part: ReadonlySet<string>, whole: ReadonlySet<string>): boolean {
  return part.size < whole.size && [...part].every((branch) => whole.has(branch));
}

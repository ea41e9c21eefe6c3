import { interactions, type Interaction } from '../access-policy.js';

/** A set of interactions as bits, because each member's policy keeps many of them. */
export type InteractionSet = number;

const bits = Object.fromEntries(interactions.map((interaction, position) => [interaction, 1 << position])) as Readonly<
  Record<Interaction, InteractionSet>
>;

/** The set of those of `names` that are interactions; other names add nothing. */
export function interactionSet(names: readonly unknown[]): InteractionSet {
  return names.reduce<InteractionSet>((set, name) => set | (isInteraction(name) ? bits[name] : 0), 0);
}

const isInteraction = (name: unknown): name is Interaction => typeof name === 'string' && Object.hasOwn(bits, name);

export const allInteractions = interactionSet(interactions);
/** What `readonly` is short for. */
export const readonlyInteractions = interactionSet(['search', 'read', 'history', 'vread']);

/** Whether the interaction is in the set. */
export const includes = (set: InteractionSet, interaction: Interaction): boolean => (set & bits[interaction]) !== 0;

/** The members of a set, in the order of `interactions`. */
export const interactionsIn = (set: InteractionSet): Interaction[] => interactions.filter((one) => includes(set, one));

/** The position of an interaction in `interactions`. */
export const positionOf = (interaction: Interaction): number => 31 - Math.clz32(bits[interaction]);

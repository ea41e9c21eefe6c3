/**
 * References that are searches, `Patient?identifier=…` (https://hl7.org/fhir/R4/http.html#trules): each stands for the one
 * resource that it finds.
 */
import { badRequest } from '#fhir';
import { conditionalRequest, findMatch } from '../writing/conditional.js';
import type { Context } from '../rights/rights.js';
import type { Scope } from '../transaction.js';
import { inEntry, type Step } from './transaction-step.js';

/** What conditional references have been found to mean. */
export type References = ReadonlyMap<string, string>;

/** The reference that a conditional one stands for; undefined when nothing matches. Several matches: 412. */
export async function findReference(context: Context, scope: Scope, condition: string): Promise<string | undefined> {
  const [type = '', ...query] = condition.split('?');
  const match = await findMatch(context, scope, conditionalRequest(context, type, query.join('?')));
  return match === undefined ? undefined : `${match.type}/${match.id}`;
}

/** The conditional references of `steps`, each with one of the entries that have it. */
export const usersOf = (steps: readonly Step[]): Map<string, Step> =>
  new Map(steps.flatMap((step) => [...step.conditions].map((condition) => [condition, step] as const)));

/** The first conditional reference of an entry that is not known to mean anything. */
export const unresolved = ({ conditions }: Step, references: References): string | undefined =>
  [...conditions].find((condition) => !references.has(condition));

/** Throws 400 when none of `steps` can be written, because each has a conditional reference that finds nothing. */
export function assertProgress(steps: readonly Step[], references: References): void {
  const lost = steps.map((step) => ({ step, condition: unresolved(step, references) }));
  const [first] = lost;
  if (first?.condition === undefined || lost.some(({ condition }) => condition === undefined)) return;
  const { step, condition } = first;
  inEntry(step.index, () => {
    throw badRequest(`The conditional reference ${condition} finds no resource`);
  });
}

/**
 * How much the rules of a member may take. Whoever writes policies and memberships multiplies rules, entries, values and
 * scopes with each other, and everybody else in the process waits while they are compiled.
 */
import { countCopies, countJoinedCopies } from './rule-copies.js';
import { anyType, type RuleTemplate } from '../templates/rule-template.js';
import type { Variables } from '../templates/variables.js';

/** What all rules of a member may cost together: an ordinary rule for any number of organizations up to ten costs one. */
export const maxPolicyCost = 2_000;

/** So many copies cost one where the values of all of them are compiled together; and so many characters in all copies. */
const copiesForOne = 10;
const charactersForOne = 2_000;
/** A rule for all types is compiled for each type that is asked for. */
const timesForAnyType = 5;

/** What a rule costs whose variables all have values. `times`: how often it is kept, once for each scope that meets it. */
export function costOf(template: RuleTemplate, variables: Variables, times: number): number {
  const copies = countJoinedCopies(template, variables);
  const separate = countCopies(template, variables);
  const text = separate * (template.length + template.places * longestValue(template, variables));
  const each = template.type === anyType ? timesForAnyType * times : times;
  return each * Math.max(copies, Math.ceil(separate / copiesForOne), Math.ceil(text / charactersForOne));
}

function longestValue({ criteriaVariables, constraintVariables }: RuleTemplate, variables: Variables): number {
  let longest = 0;
  for (const name of [...criteriaVariables, ...constraintVariables]) {
    for (const { text } of variables.get(name) ?? []) longest = Math.max(longest, text.length);
  }
  return longest;
}

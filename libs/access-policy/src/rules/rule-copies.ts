/**
 * What a rule becomes when its variables are filled in: one copy for each choice of values. The values of one variable
 * are alternatives, and so are the copies; where several values of one search parameter say the same, one copy has all.
 */
import { escapeValue } from '#fhir-search';
import type { CriteriaPair } from '../templates/criteria-template.js';
import type { RuleTemplate } from '../templates/rule-template.js';
import { fill, variableNames, type Variable } from '../templates/template-text.js';
import { textOf, type Variables, type VariableValue } from '../templates/variables.js';

/** The values that one copy has for each variable; several only where the criteria take them as alternatives. */
export type Choice = ReadonlyMap<string, readonly VariableValue[]>;

/** How many copies an entry may make of one rule. */
export const maxCopies = 100;

const namesIn = ({ criteriaVariables, constraintVariables }: RuleTemplate): Set<string> =>
  new Set([...criteriaVariables, ...constraintVariables]);

/** How many copies the rule has when each has one value of each variable; 0 when a variable has no value. */
export const countCopies = (template: RuleTemplate, variables: Variables): number =>
  countChoices([...namesIn(template)], variables);

/** How many copies `joinedCopies` makes. */
export const countJoinedCopies = (template: RuleTemplate, variables: Variables): number =>
  countChoices(
    [...namesIn(template)].filter((name) => !maySayAll(template, name)),
    variables,
  );

/** How many choices of one value for each of the names there are. */
export const countChoices = (names: readonly string[], variables: Variables): number =>
  names.reduce((count, name) => count * (variables.get(name)?.length ?? 0), 1);

/** The names of those variables of the rule that have no value. */
export const unresolvedNames = (template: RuleTemplate, variables: Variables): string[] =>
  [...namesIn(template)].filter((name) => (variables.get(name)?.length ?? 0) === 0);

/** All copies, each with one value of each variable. */
export function separateCopies(template: RuleTemplate, variables: Variables): Choice[] {
  return separateChoices([...namesIn(template)], variables);
}

/** All choices of one value for each of the names. */
export const separateChoices = (names: readonly string[], variables: Variables): Choice[] =>
  choose(names, variables, () => false);

/** As few copies as say the same. */
export function joinedCopies(template: RuleTemplate, variables: Variables): Choice[] {
  return choose([...namesIn(template)], variables, (name) => maySayAll(template, name));
}

function choose(names: readonly string[], variables: Variables, mayJoin: (name: string) => boolean): Choice[] {
  let choices = [new Map<string, readonly VariableValue[]>()];
  for (const name of names) {
    const values = variables.get(name) ?? [];
    const options = values.length > 1 && !mayJoin(name) ? values.map((value) => [value]) : [values];
    choices = choices.flatMap((choice) => options.map((option) => new Map(choice).set(name, option)));
  }
  return choices;
}

/**
 * Whether one parameter of the criteria alone depends on the variable, in a way in which several values mean "one of
 * them". A constraint that uses it must see the value of the copy that grants.
 */
function maySayAll({ pairs, constraintVariables }: RuleTemplate, name: string): boolean {
  const users = pairs.filter(({ value }) => variableNames([value]).has(name));
  return users.length === 1 && !constraintVariables.has(name) && !/:(?:not|missing)$/.test(users[0]?.name ?? '');
}

/**
 * The value of a search parameter in a copy, its alternatives between commas; undefined when a value cannot stand there.
 * Values are escaped, so that none is more than one value. `accepts` may refuse a value besides.
 */
export function pairText(
  { value }: CriteriaPair,
  choice: Choice,
  accepts: (text: string) => boolean = () => true,
): string | undefined {
  const names = [...variableNames([value])];
  const texts: string[] = [];
  for (const single of separateChoices(names, choice)) {
    const bound = bind((variable) => {
      const text = textOfVariable(variable, single);
      return text !== undefined && accepts(text) ? escapeValue(text) : undefined;
    });
    const text = fill(value, bound.valueOf);
    if (bound.failed()) return undefined;
    texts.push(text);
  }
  return texts.join(',');
}

/** The text of a variable in a copy that has one value for it. */
export function textOfVariable(variable: Variable, choice: Choice): string | undefined {
  const value = choice.get(variable.name)?.[0];
  return value && textOf(variable, value);
}

/** Lets `fill` go on where a value is missing, and tells so afterwards. */
export function bind(find: (variable: Variable) => string | undefined): {
  valueOf(this: void, variable: Variable): string;
  failed(): boolean;
} {
  let missing = false;
  return {
    valueOf: (variable) => {
      const text = find(variable);
      missing ||= text === undefined;
      return text ?? '';
    },
    failed: () => missing,
  };
}

/**
 * Reads the expressions that are mere walks along properties, which is what nearly all search parameters are. The parts
 * between the dots become steps; an expression that has anything else in it is not a walk.
 */

export type Step =
  | { kind: 'property'; name: string; index?: number }
  | { kind: 'ofType'; type: string }
  | { kind: 'where'; property: string; equals: string }
  | { kind: 'refersTo'; type: string }
  | { kind: 'extension'; url: string }
  | { kind: 'split'; separator: string }
  | { kind: 'first' | 'last' };

/** Each form of a part, and the steps it stands for. */
const forms: [RegExp, (...groups: string[]) => Step][] = [
  [/^(\w+)$/, (name = '') => ({ kind: 'property', name })],
  [/^(\w+)\[(\d+)\]$/, (name = '', index) => ({ kind: 'property', name, index: Number(index) })],
  [/^ofType\((\w+)\)$/, (type = '') => ({ kind: 'ofType', type })],
  [/^where\((\w+) ?= ?'([^'\\]*)'\)$/, (property = '', equals = '') => ({ kind: 'where', property, equals })],
  [/^extension\('([^'\\]*)'\)$/, (url = '') => ({ kind: 'extension', url })],
  [/^split\('([^'\\]+)'\)$/, (separator = '') => ({ kind: 'split', separator })],
  [/^first\(\)$/, () => ({ kind: 'first' })],
  [/^last\(\)$/, () => ({ kind: 'last' })],
  // How the definitions write `resolve() is T`: by the text of the reference, or by Reference.type.
  [
    /^where\(reference\.matches\('\(\^\|\/\)(\w+)\/\[\^\/\]\+\(\/_history\/\[\^\/\]\+\)\?\$'\) or type = '(\w+)'\)$/,
    (type = '') => ({ kind: 'refersTo', type }),
  ],
];

/** The steps of `expression`, or `undefined` when it is not a walk. A leading type name is a step like any other. */
export function parseSteps(expression: string): Step[] | undefined {
  const steps: Step[] = [];
  for (const part of splitAtDots(expression.trim())) {
    const step = parseStep(part);
    if (!step) return undefined;
    steps.push(step);
  }
  return steps;
}

function parseStep(part: string): Step | undefined {
  for (const [form, toStep] of forms) {
    const match = form.exec(part);
    if (match) return toStep(...match.slice(1));
  }
  return undefined;
}

/** The branches of a union, without parentheses that enclose a whole branch. */
export function splitUnion(expression: string): string[] {
  return splitOutside(expression, '|').map((branch) =>
    branch.trim().replace(/^\(([^()]*(?:\([^()]*\)[^()]*)*)\)$/, '$1'),
  );
}

/** Splits at the dots that stand outside parentheses and quotes. */
const splitAtDots = (expression: string): string[] => splitOutside(expression, '.');

function splitOutside(expression: string, separator: '.' | '|'): string[] {
  const parts = [''];
  let depth = 0;
  let quoted = false;
  for (const character of expression) {
    if (character === "'") quoted = !quoted;
    if (!quoted && character === '(') depth++;
    if (!quoted && character === ')') depth--;
    if (character === separator && depth === 0 && !quoted) parts.push('');
    else parts[parts.length - 1] += character;
  }
  return parts;
}

/** How slices are told apart (https://hl7.org/fhir/R4/profiling.html#discriminator). */
import { isJsonObject, type JsonObject, type JsonValue } from '../json/json-value.js';
import { isFixed, matchesPattern } from './fixed-values.js';
import type { ElementAccess, Item } from './instance-items.js';
import type { ElementRule, Slice, Slicing } from './profile.js';

type Test = (item: Item) => boolean;

/** More of them than any slicing has. Each slice has a test for each. */
const maxDiscriminators = 10;

/** What the values of all others belong to. */
const defaultSlice = '@default';

/** The slicing of an element; what is not checked of it is told to `note`. Undefined when no slice can be told. */
export function compileSlicing(
  access: ElementAccess,
  { slicing }: JsonObject,
  name: string,
  rules: readonly { readonly sliceName: string; readonly rule: ElementRule }[],
  note: (text: string) => void,
): Slicing | undefined {
  const discriminators = discriminatorsOf(slicing, name);
  if (discriminators.length === 0) {
    note('its slices are not checked: they have no discriminator.');
    return undefined;
  }
  if (discriminators.length > maxDiscriminators) {
    note(`its slices are not checked: they have more than ${maxDiscriminators} discriminators.`);
    return undefined;
  }
  const slices: Slice[] = [];
  for (const { sliceName, rule } of rules.filter((one) => one.sliceName !== defaultSlice)) {
    const tests = discriminators.map((discriminator) => discriminatorTest(access, discriminator, rule));
    const problem = tests.find((test) => typeof test === 'string');
    if (problem !== undefined) note(`the slice '${sliceName}' is not checked: ${problem}.`);
    else slices.push({ name: sliceName, rule, has: (item) => (tests as Test[]).every((test) => test(item)) });
  }
  const known = [...slices];
  const rest = rules.find(({ sliceName }) => sliceName === defaultSlice);
  if (rest !== undefined) {
    slices.push({ name: defaultSlice, rule: rest.rule, has: (item) => !known.some(({ has }) => has(item)) });
  }
  const isWhole = slices.length === rules.length;
  return slices.length === 0 ? undefined : { rules: rulesOf(slicing), slices, isWhole };
}

function rulesOf(slicing: JsonValue | undefined): Slicing['rules'] {
  const rules = isJsonObject(slicing) ? slicing.rules : undefined;
  return rules === 'closed' || rules === 'openAtEnd' ? rules : 'open';
}

interface Discriminator {
  readonly type: string;
  readonly path: string;
}

/** Extensions are told apart by their urls, and the forms of a choice by their types, whether a profile says so or not. */
function discriminatorsOf(slicing: JsonValue | undefined, name: string): Discriminator[] {
  const given = isJsonObject(slicing) && Array.isArray(slicing.discriminator) ? slicing.discriminator : [];
  const said = given.filter(isJsonObject).map(({ type, path }) => ({ type: textOf(type), path: textOf(path) }));
  if (said.length > 0) return said;
  if (name === 'extension' || name === 'modifierExtension') return [{ type: 'value', path: 'url' }];
  return name.endsWith('[x]') ? [{ type: 'type', path: '$this' }] : [];
}

const textOf = (value: JsonValue | undefined): string => (typeof value === 'string' ? value : '');

/** The test of a discriminator for one slice, or why there is none. */
function discriminatorTest(access: ElementAccess, { type, path }: Discriminator, rule: ElementRule): Test | string {
  const steps = stepsOf(path);
  if (steps === undefined) return `'${path}' is no path that is followed here`;
  switch (type) {
    case 'value':
    case 'pattern':
      return valueTest(access, rule, steps) ?? `it does not say which value '${path}' has`;
    case 'exists': {
      const target = ruleAt(rule, steps);
      if (target?.max === 0) return (item) => itemsAt(access, item, steps).length === 0;
      if (target !== undefined && target.min > 0) return (item) => itemsAt(access, item, steps).length > 0;
      return `it does not say whether '${path}' is there`;
    }
    case 'type': {
      const types = ruleAt(rule, steps)?.types;
      if (types === undefined) return `it does not say of which type '${path}' is`;
      return (item) => itemsAt(access, item, steps).some((found) => types.has(found.type));
    }
    default:
      return `discriminators of type '${type}' are not supported`;
  }
}

/** One step of a discriminator's path: an element, or the extension with a url. */
interface Step {
  readonly name: string;
  readonly url?: string;
}

const stepForm = /(?:extension\('([^']*)'\)|([A-Za-z]\w*(?:\[x\])?))(?:\.|$)/y;

/** The steps of `$this`, `code.coding` or `extension('url').value`; undefined for any other expression. */
function stepsOf(path: string): Step[] | undefined {
  if (path === '') return undefined;
  const rest = path === '$this' ? '' : path.replace(/^\$this\./, '');
  const steps: Step[] = [];
  stepForm.lastIndex = 0;
  while (stepForm.lastIndex < rest.length) {
    const [, url, name] = stepForm.exec(rest) ?? [];
    if (url === undefined && name === undefined) return undefined;
    steps.push(url === undefined ? { name: name ?? '' } : { name: 'extension', url });
  }
  return rest.endsWith('.') ? undefined : steps;
}

function itemsAt(access: ElementAccess, item: Item, steps: readonly Step[]): Item[] {
  let items = [item];
  for (const { name, url } of steps) {
    items = items.flatMap((parent) => access.items(parent, name));
    if (url !== undefined) items = items.filter(({ value }) => isJsonObject(value) && value.url === url);
  }
  return items;
}

function ruleAt(rule: ElementRule, steps: readonly Step[]): ElementRule | undefined {
  let found: ElementRule | undefined = rule;
  for (const step of steps) found = found && ruleBelow(found, step);
  return found;
}

function ruleBelow({ children }: ElementRule, { name, url }: Step): ElementRule | undefined {
  const child = children.find((one) => one.name === name || one.segment === name);
  if (url === undefined) return child;
  const extension: Item = { value: { url }, type: 'Extension', isPrimitive: false };
  return child?.slicing?.slices.find(({ has }) => has(extension))?.rule;
}

/** Whether what is found at the path has the value that the slice prescribes there; undefined when it prescribes none. */
function valueTest(access: ElementAccess, rule: ElementRule, steps: readonly Step[]): Test | undefined {
  const target = ruleAt(rule, steps);
  const isRight =
    (target && prescribes(access, target)) ??
    valueWithin(access, rule, steps) ??
    valueAbove(rule, steps) ??
    urlOfProfile(rule, steps);
  return isRight && ((item) => itemsAt(access, item, steps).some(isRight));
}

/** The value that is prescribed where the path leads into slices that must be there: `code.coding.code` of a sliced coding. */
function valueWithin(access: ElementAccess, rule: ElementRule, steps: readonly Step[]): Test | undefined {
  let rules = [rule];
  for (const step of steps) {
    rules = rules.flatMap((one) => {
      const child = ruleBelow(one, step);
      return child === undefined ? [] : [child, ...neededSlices(child).map((slice) => slice.rule)];
    });
  }
  const tests = rules.flatMap((one) => prescribes(access, one) ?? []);
  return tests.length === 0 ? undefined : (item) => tests.some((test) => test(item));
}

const neededSlices = ({ slicing }: ElementRule): Slice[] => slicing?.slices.filter(({ rule }) => rule.min > 0) ?? [];

/** What a rule and those below it prescribe of values. */
function prescribes(access: ElementAccess, rule: ElementRule): Test | undefined {
  const { fixed, pattern, binding } = rule;
  const tests: Test[] = [];
  if (fixed !== undefined) tests.push(({ value }) => isFixed(value, fixed));
  if (pattern !== undefined) tests.push(({ value }) => matchesPattern(value, pattern));
  if (binding?.isKnown() === true) tests.push(({ value }) => typeof value !== 'symbol' && binding.isMet(value));
  for (const child of rule.children) {
    const below = prescribes(access, child);
    if (below) tests.push((item) => access.items(item, child.name).some(below));
    for (const { has } of neededSlices(child)) tests.push((item) => access.items(item, child.name).some(has));
  }
  return tests.length === 0 ? undefined : (item) => tests.every((test) => test(item));
}

/** The value that is prescribed as a part of one that stands above it: of `code.coding.code` by a pattern of `code`. */
function valueAbove(rule: ElementRule, steps: readonly Step[]): Test | undefined {
  for (let length = 0; length < steps.length; length++) {
    const above = ruleAt(rule, steps.slice(0, length));
    const whole = above?.fixed ?? above?.pattern;
    if (whole === undefined) continue;
    let parts: JsonValue[] = [whole];
    for (const { name } of steps.slice(length)) {
      parts = parts.flatMap((part) => membersOf(part, name));
    }
    if (parts.length > 0) return ({ value }) => parts.some((part) => matchesPattern(value, part));
  }
  return undefined;
}

function membersOf(value: JsonValue, name: string): JsonValue[] {
  const member = isJsonObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  if (member === undefined) return [];
  return Array.isArray(member) ? member : [member];
}

/** Extensions of a profile have its url. */
function urlOfProfile(rule: ElementRule, steps: readonly Step[]): Test | undefined {
  const last = steps.at(-1);
  const profiles = ruleAt(rule, steps.slice(0, -1))?.typeProfiles.get('Extension');
  if (last?.name !== 'url' || profiles === undefined) return undefined;
  const urls = new Set(profiles.map((profile) => profile.replace(/\|[^|]*$/, '')));
  return ({ value }) => typeof value === 'string' && urls.has(value);
}

/**
 * The parts of composites that are compared exactly. A part has a wide form (the bare code) by which its values stand
 * together in the index, and narrow ones (with the system) for searches that say more.
 */
import { isJsonObject, type JsonValue, type SearchComponent, type TypedValue } from '#fhir';
import { partMark } from '../number-scopes.js';
import type { ComponentTest } from '../search-request.js';

/** One value of an exact part, as the index holds it. */
export interface ExactForm {
  readonly wide: string;
  readonly narrow: readonly string[];
}

/** One way in which a search finds an exact part. */
export interface ExactTest {
  readonly wide: string;
  /** Undefined when the wide form says all that was asked. */
  readonly narrow?: string;
}

/** What a search asks of such a part. */
export type ExactComponentTest = Extract<ComponentTest, { kind: 'token' | 'reference' | 'uri' }>;

export const isExact = (type: SearchComponent['type']): boolean =>
  type === 'token' || type === 'reference' || type === 'uri';

/** The forms of the values of the component `part`, each once. */
export function exactForms(
  type: SearchComponent['type'],
  part: number,
  values: readonly TypedValue[],
  localReference: (reference: string) => string,
): ExactForm[] {
  if (type === 'token') return values.flatMap((value) => tokenForms(part, value));
  const texts = values.flatMap(addressOf).map(type === 'reference' ? localReference : (text) => text);
  return texts.flatMap(withoutVersion).map((text) => ({ wide: text, narrow: [] }));
}

/** What to look for when a search asks for `test` as the component `part`. */
export function exactTests(test: ExactComponentTest, part: number): ExactTest[] {
  switch (test.kind) {
    case 'token': {
      const { system, code = '' } = test.value;
      if (system === undefined) return [{ wide: code }];
      const pair = { wide: code, narrow: partMark(part, pairText(system, code)) };
      // The values of elements of the data type `code` imply their system, so any system fits them.
      return system === '' ? [pair] : [pair, { wide: code, narrow: partMark(part, impliedText(code)) }];
    }
    case 'reference':
      return test.targets.map((wide) => ({ wide }));
    case 'uri':
      return [{ wide: test.value }];
  }
}

/**
 * All combinations of one element of each list, made one by one: there may be far more of them than anybody wants. The
 * last list varies first.
 */
export function combinations<Part>(lists: readonly (readonly Part[])[]): Iterable<Part[]> {
  return lists.some((list) => list.length === 0) ? [] : combinationsFrom(lists, 0);
}

function* combinationsFrom<Part>(lists: readonly (readonly Part[])[], place: number): Generator<Part[]> {
  const list = lists[place];
  if (list === undefined) {
    yield [];
    return;
  }
  for (const part of list) {
    for (const others of combinationsFrom(lists, place + 1)) yield [part, ...others];
  }
}

const pairText = (system: string, code: string) => `pair|${system.length}|${system}|${code}`;
const impliedText = (code: string) => `implied|${code}`;

function tokenForms(part: number, { type, value }: TypedValue): ExactForm[] {
  if (isJsonObject(value)) {
    const codings = type === 'CodeableConcept' ? value['coding'] : type === 'Coding' ? [value] : [];
    if (type === 'CodeableReference')
      return tokenForms(part, { type: 'CodeableConcept', value: value['concept'] ?? null });
    if (type === 'Identifier') return formOf(part, value['system'], value['value']);
    return (Array.isArray(codings) ? codings : [])
      .filter(isJsonObject)
      .flatMap(({ system, code }) => formOf(part, system, code));
  }
  if (value === null || Array.isArray(value)) return [];
  const [form] = formOf(part, undefined, String(value));
  if (form === undefined) return [];
  return type === 'code' ? [{ ...form, narrow: [...form.narrow, partMark(part, impliedText(form.wide))] }] : [form];
}

function formOf(part: number, system: JsonValue | undefined, code: JsonValue | undefined): ExactForm[] {
  if (typeof code !== 'string') return [];
  return [{ wide: code, narrow: [partMark(part, pairText(typeof system === 'string' ? system : '', code))] }];
}

function addressOf({ type, value }: TypedValue): string[] {
  if (type === 'CodeableReference' && isJsonObject(value)) {
    return addressOf({ type: 'Reference', value: value['reference'] ?? null });
  }
  const text = isJsonObject(value) ? value['reference'] : value;
  return typeof text === 'string' && text !== '' && !text.startsWith('#') ? [text] : [];
}

function withoutVersion(text: string): string[] {
  const unversioned = text.replace(/\/_history\/[^/]*$/, '').replace(/\|[^|]*$/, '');
  return unversioned === text || unversioned === '' ? [text] : [text, unversioned];
}

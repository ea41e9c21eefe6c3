/** Search values made from values that resources have, so that searches find something about as often as not. */
import { isJsonObject, type JsonObject, type JsonValue, type SearchParameter, type TypedValue } from '#fhir';
import type { SeededRandom } from '#testing';

/** What stands on the right of `parameter=`, and a modifier for the left. */
export interface SearchValue {
  readonly modifier?: string;
  readonly text: string;
}

/** Undefined when nothing can be asked about such a value. */
export function searchValue(
  { type, code }: Pick<SearchParameter, 'type'> & Partial<Pick<SearchParameter, 'code'>>,
  found: TypedValue,
  random: SeededRandom,
): SearchValue | undefined {
  // These tokens are references or ids, and never have a system.
  if (code === '_compartment') {
    if (typeof found.value !== 'string') return undefined;
    return { ...(random.chance(0.15) ? { modifier: 'not' } : {}), text: found.value };
  }
  switch (type) {
    case 'token':
      return tokenValue(found, random);
    case 'string':
      return stringValue(found, random);
    case 'uri':
      return uriValue(found, random);
    case 'reference':
      return referenceValue(found, random);
    case 'date':
      return dateValue(found, random);
    case 'number':
      return typeof found.value === 'number' ? { text: numberText(found.value, random) } : undefined;
    case 'quantity':
      return quantityValue(found, random);
    case 'composite':
    case 'special':
      return undefined;
  }
}

const prefixes = ['', '', 'eq', 'ne', 'gt', 'ge', 'lt', 'le', 'sa', 'eb', 'ap'];

function tokenValue({ type, value }: TypedValue, random: SeededRandom): SearchValue | undefined {
  const codings = isJsonObject(value) && Array.isArray(value['coding']) ? value['coding'] : [value];
  const coding = codings.length > 0 ? random.pick(codings) : null;
  const modifier = random.chance(0.15) ? { modifier: 'not' } : {};
  if (!isJsonObject(coding)) {
    if (coding === null || Array.isArray(coding)) return undefined;
    return { ...modifier, text: random.pick(['', '', '|', 'http://any.example|']) + escaped(String(coding)) };
  }
  const code = coding['code'] ?? coding['value'];
  const system = type === 'ContactPoint' ? undefined : coding['system'];
  const forms = [
    ...(typeof code === 'string'
      ? [escaped(code), escaped(code), `|${escaped(code)}`, escaped(code.toUpperCase())]
      : []),
    ...(typeof system === 'string' ? [`${escaped(system)}|`] : []),
    ...(typeof system === 'string' && typeof code === 'string' ? [`${escaped(system)}|${escaped(code)}`] : []),
  ];
  const display = isJsonObject(value) ? (value['text'] ?? coding['display']) : undefined;
  if (typeof display === 'string' && random.chance(0.2)) {
    return { modifier: 'text', text: escaped(display.slice(0, 1 + random.below(12))) };
  }
  return forms.length === 0 ? undefined : { ...modifier, text: random.pick(forms) };
}

function stringValue({ value }: TypedValue, random: SeededRandom): SearchValue | undefined {
  const texts = stringsIn(value);
  if (texts.length === 0) return undefined;
  const text = random.pick(texts);
  const start = random.below(text.length);
  switch (random.below(4)) {
    case 0:
      return { modifier: 'exact', text: escaped(random.chance(0.8) ? text : text.toLowerCase()) };
    case 1:
      return { modifier: 'contains', text: escaped(text.slice(start, start + 2 + random.below(6))) };
    case 2:
      return { text: escaped(text.slice(0, 1 + random.below(20)).toUpperCase()) };
    default:
      return { text: escaped(text.slice(0, 250)) };
  }
}

function stringsIn(value: JsonValue | undefined): string[] {
  if (typeof value === 'string') return value === '' ? [] : [value];
  if (Array.isArray(value)) return value.flatMap(stringsIn);
  return isJsonObject(value) ? Object.values(value).flatMap(stringsIn) : [];
}

function uriValue({ value }: TypedValue, random: SeededRandom): SearchValue | undefined {
  if (typeof value !== 'string') return undefined;
  if (random.chance(0.3)) return { modifier: 'below', text: escaped(value.slice(0, 1 + random.below(value.length))) };
  if (random.chance(0.2)) return { modifier: 'above', text: escaped(`${value}/deeper`) };
  return { text: escaped(value) };
}

function referenceValue(found: TypedValue, random: SeededRandom): SearchValue | undefined {
  const value =
    found.type === 'CodeableReference' && isJsonObject(found.value) ? found.value['reference'] : found.value;
  const text = isJsonObject(value) ? value['reference'] : value;
  const identifier = isJsonObject(value) ? value['identifier'] : undefined;
  if (isJsonObject(identifier) && random.chance(0.7)) {
    const asked = tokenValue({ type: 'Identifier', value: identifier }, random);
    if (asked !== undefined && asked.modifier === undefined) return { ...asked, modifier: 'identifier' };
  }
  if (typeof text !== 'string' || text.startsWith('#')) return undefined;
  const [, type, id] = /^([A-Z]\w+)\/([A-Za-z0-9.-]+)$/.exec(text) ?? [];
  if (type === undefined || id === undefined) return { text: escaped(text) };
  return random.pick<SearchValue>([{ text }, { text: id }, { modifier: type, text: id }]);
}

function dateValue({ value }: TypedValue, random: SeededRandom): SearchValue | undefined {
  const texts = stringsIn(value).filter((text) => /^\d{4}(-\d\d(-\d\d|$)|$)/.test(text));
  if (texts.length === 0) return undefined;
  const text = random.pick(texts);
  const length = random.pick([4, 7, 10, 16, text.length]);
  const cut = text.slice(0, length) + (length === 16 && text.length > 16 ? random.pick(['Z', '+05:30']) : '');
  const year = Number(cut.slice(0, 4)) + random.pick([-1, 0, 0, 0, 0, 1]);
  return { text: random.pick(prefixes) + String(year).padStart(4, '0') + cut.slice(4) };
}

function numberText(value: number, random: SeededRandom): string {
  const forms = [
    String(value),
    value.toFixed(random.below(4)),
    value.toPrecision(1 + random.below(4)),
    String(value + 1),
  ];
  return random.pick(prefixes) + random.pick(forms).replace('e+', 'e');
}

/** Units with which the same amount can be written in another way: the unit, and how many of them make one. */
const otherUnits: Readonly<Record<string, readonly [unit: string, factor: number]>> = {
  mg: ['g', 0.001],
  g: ['mg', 1000],
  kg: ['g', 1000],
  cm: ['m', 0.01],
  m: ['cm', 100],
  mL: ['L', 0.001],
  L: ['mL', 1000],
  min: ['s', 60],
  h: ['min', 60],
  d: ['h', 24],
};

function quantityValue({ value }: TypedValue, random: SeededRandom): SearchValue | undefined {
  if (!isJsonObject(value)) return undefined;
  const parts = [value, value['low'], value['high'], sampledPoint(value, random)];
  const amount = parts.find((part) => isJsonObject(part) && 'value' in part);
  if (!isJsonObject(amount) || typeof amount['value'] !== 'number') return undefined;
  const number = amount['value'];
  const { system, code, unit, currency } = amount;
  const other = typeof code === 'string' ? otherUnits[code] : undefined;
  if (other !== undefined && typeof system === 'string' && random.chance(0.5)) {
    const [otherUnit, factor] = other;
    return { text: `${numberText(Number((number * factor).toPrecision(8)), random)}|${system}|${otherUnit}` };
  }
  const forms = [
    numberText(number, random),
    ...[code, unit, currency]
      .filter((text) => typeof text === 'string')
      .map((text) => `${numberText(number, random)}||${escaped(text)}`),
    ...(typeof system === 'string' && typeof code === 'string'
      ? [`${numberText(number, random)}|${escaped(system)}|${escaped(code)}`]
      : []),
  ];
  return { text: random.pick(forms) };
}

/** One of the points of a SampledData, as a quantity. */
function sampledPoint({ origin, factor, data }: JsonObject, random: SeededRandom): JsonValue {
  if (!isJsonObject(origin) || typeof origin['value'] !== 'number' || typeof data !== 'string') return null;
  const points = data.split(' ').map(Number).filter(Number.isFinite);
  if (points.length === 0) return null;
  return { ...origin, value: origin['value'] + random.pick(points) * (typeof factor === 'number' ? factor : 1) };
}

const escaped = (text: string): string => text.replace(/[\\,|$]/g, '\\$&');

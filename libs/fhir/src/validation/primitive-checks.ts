/** Primitive values: their JSON type, their form, and what a client is told when they are wrong. */
import { dateInterval } from '../dates/date-interval.js';
import type { SchemaNode } from '../definitions/schema-document.js';
import type { JsonValue } from '../json/json-value.js';
import type { Findings } from './findings.js';

/** Looks at one value and reports what is wrong with it. */
export type Check = (value: JsonValue, findings: Findings) => void;

/** What a value of the primitive type should have been (https://hl7.org/fhir/R4/datatypes.html#primitive). */
const expectations: Record<string, string> = {
  base64Binary: 'base64 text',
  boolean: 'true or false',
  canonical: 'a URL without white space',
  code: 'a code: text with no white space but single spaces between words',
  date: 'a real date such as 2024-02-29, 2024-02 or 2024',
  dateTime:
    'a real date or time such as 2024-02-29T14:05:00+01:00, 2024-02-29, 2024-02 or 2024 (a time needs seconds and a zone)',
  decimal: 'a number',
  id: 'an id: 1 to 64 of A-Z, a-z, 0-9, - and .',
  instant: 'a real time such as 2024-02-29T14:05:00.000+01:00 (with seconds and a zone)',
  integer: 'a whole number of at most 32 bits',
  integer64: 'a whole number written as a string',
  markdown: 'text that is not blank',
  oid: 'an OID such as urn:oid:1.2.840',
  positiveInt: 'a whole number from 1 to 2147483647',
  string: 'text that is not blank',
  time: 'a time of day such as 14:05:00',
  unsignedInt: 'a whole number from 0 to 2147483647',
  uri: 'a URI without white space',
  url: 'a URL without white space',
  uuid: 'a UUID such as urn:uuid:c757873d-ec9a-4326-a141-556f43239520',
  xhtml: 'text that is not blank',
};

/** The types whose pattern lets days through that no month has. */
const calendarTypes = new Set(['date', 'dateTime', 'instant']);

/** The check for a primitive definition called `name` (undefined where the schema gives the form on the spot). */
export function primitiveCheck(name: string | undefined, node: SchemaNode): Check {
  if (node.const !== undefined) return constantCheck(node.const);
  if (node.enum) return enumCheck(node.enum);
  const expected = (name === undefined ? undefined : expectations[name]) ?? `of the form ${node.pattern ?? node.type}`;
  switch (node.type) {
    case 'string':
      return stringCheck(stringForm(name, node), expected, node.b64 ? Infinity : maxStringLength);
    case 'boolean':
      return (value, findings) => {
        if (typeof value !== 'boolean') findings.report('structure', `must be ${expected}`);
      };
    case 'number':
    case 'integer':
      return numberCheck(node, expected);
    case 'object':
    case 'array':
    case 'null':
    case undefined:
      throw new Error(`The schema has a primitive ${name ?? ''} of an unknown form`);
  }
}

function constantCheck(constant: string): Check {
  return (value, findings) => {
    if (value !== constant) findings.report('value', `must be ${JSON.stringify(constant)}`);
  };
}

function enumCheck(codes: string[]): Check {
  const allowed = new Set<JsonValue>(codes);
  const shown = codes.slice(0, maxCodesShown).join(', ') + (codes.length > maxCodesShown ? ', ...' : '');
  return (value, findings) => {
    if (allowed.has(value)) return;
    findings.report(typeof value === 'string' ? 'value' : 'structure', `must be one of: ${shown}`);
  };
}

const maxCodesShown = 20;

function stringCheck(hasForm: (text: string) => boolean, expected: string, maxLength: number): Check {
  return (value, findings) => {
    if (typeof value !== 'string') findings.report('structure', `must be a string: ${expected}`);
    else if (value.length > maxLength) findings.report('value', 'must not be longer than a million characters');
    else if (!hasForm(value)) findings.report('value', value === '' ? 'must not be empty' : `must be ${expected}`);
  };
}

/** FHIR allows strings of 1 MB; base64 may be longer. */
const maxStringLength = 1_048_576;

function stringForm(name: string | undefined, node: SchemaNode): (text: string) => boolean {
  if (node.b64) return isBase64;
  if (node.text) return isNotBlank;
  const pattern = new RegExp(node.pattern ?? '');
  if (name !== undefined && calendarTypes.has(name)) {
    return (text) => pattern.test(text) && dateInterval(text) !== undefined;
  }
  return (text) => pattern.test(text);
}

function isNotBlank(text: string): boolean {
  return text.charCodeAt(0) > 0x20 || text.trim() !== '';
}

function numberCheck(node: SchemaNode, expected: string): Check {
  const minimum = node.minimum ?? -Infinity;
  const maximum = node.maximum ?? Infinity;
  const whole = node.type === 'integer';
  return (value, findings) => {
    if (typeof value !== 'number') findings.report('structure', `must be ${expected}, without quotes`);
    else if (!Number.isFinite(value) || (whole && !Number.isInteger(value)) || value < minimum || value > maximum) {
      findings.report('value', `must be ${expected}`);
    }
  };
}

/**
 * White space may stand anywhere in base64; the rest must be whole groups of four, padded at the end only. A loop, since
 * a regular expression for it needs time and stack that grow with the length of the text.
 */
function isBase64(text: string): boolean {
  let characters = 0;
  let padding = 0;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09) continue;
    if (code === 0x3d) padding++;
    else if (padding > 0 || !isBase64Digit(code)) return false;
    characters++;
  }
  return characters > 0 && characters % 4 === 0 && padding <= 2;
}

function isBase64Digit(code: number): boolean {
  const letter = code | 0x20;
  return (letter >= 0x61 && letter <= 0x7a) || (code >= 0x30 && code <= 0x39) || code === 0x2b || code === 0x2f;
}

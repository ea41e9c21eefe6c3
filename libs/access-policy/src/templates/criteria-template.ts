/**
 * The criteria of a rule (`Patient?organization=%organization`) as parameters with values, read once for all members that
 * have the rule. The text is cut like a query string before any value is put in, so a value can neither end a parameter
 * nor begin one.
 */
import { escapeValue } from '#fhir-search';
import { fill, parseTemplate, type Template, type Variable } from './template-text.js';

/** The code of the parameter that finds resources by `meta.compartment`. */
export const compartmentCode = '_compartment';

/** One search parameter of the criteria. All of them must hold. */
export interface CriteriaPair {
  /** With its modifier: `category:not`. */
  readonly name: string;
  readonly value: Template;
}

/**
 * The parameters of `criteria`, which must begin with `type` and a question mark. A text tells what is wrong: no such
 * beginning, no parameter, one without a value, or a variable in a name. Which parameters there are is not asked here.
 */
export function parseCriteriaTemplate(type: string, criteria: string): readonly CriteriaPair[] | string {
  const start = `${type}?`;
  if (!criteria.startsWith(start)) return `the criteria do not begin with '${start}'`;
  return parseQueryTemplate(criteria.slice(start.length));
}

/** The same for what stands behind the question mark. */
export function parseQueryTemplate(query: string): readonly CriteriaPair[] | string {
  const pairs: CriteriaPair[] = [];
  for (const member of query.split('&')) {
    const equals = member.indexOf('=');
    const name = parseTemplate(protectEncoded(member.slice(0, Math.max(equals, 0))), decode);
    const value = parseTemplate(protectEncoded(member.slice(equals + 1)), decode);
    const [code, ...rest] = name;
    if (equals < 1 || typeof code !== 'string' || rest.length > 0) {
      return `'${member}' of the criteria is no search parameter with a value`;
    }
    if (value.length === 0) return `the search parameter '${code}' has no value`;
    pairs.push({ name: code, value });
  }
  return pairs;
}

/**
 * `%20` and `%C3%A9` are characters as in every query string; `%caregiver` and `%account` are variables although they
 * begin with two hexadecimal digits. What tells them apart: only sequences that are UTF-8 are characters. They are put
 * into a form without `%` before variables are looked for.
 */
function protectEncoded(text: string): string {
  return text.replace(encodedCharacter, (encoded) => encoded.replaceAll('%', mark));
}

const encodedCharacter =
  /%[0-7][0-9A-Fa-f]|%[Cc][2-9A-Fa-f](?:%[89ABab][0-9A-Fa-f])|%[Dd][0-9A-Fa-f](?:%[89ABab][0-9A-Fa-f])|%[Ee][0-9A-Fa-f](?:%[89ABab][0-9A-Fa-f]){2}|%[Ff][0-4](?:%[89ABab][0-9A-Fa-f]){3}/g;

/** A noncharacter of Unicode, which no text that is meant for exchange holds. */
const mark = '\uFFFF';

/** The text that a literal of a query string stands for. Never throws, as the reading of a query string never does. */
const decode = (literal: string): string => new URLSearchParams(`v=${literal.replaceAll(mark, '%')}`).get('v') ?? '';

/** The query of a rule as a text in which variables have values; they are encoded so that it can be read back. */
export function fillQuery(query: string, valueOf: (variable: Variable) => string): string {
  const template = parseTemplate(protectEncoded(query), (literal) => literal.replaceAll(mark, '%'));
  return fill(template, (variable) => escapeValue(valueOf(variable)).replace(/[%&+#\s\p{Cc}]/gu, encodeURIComponent));
}

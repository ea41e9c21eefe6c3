/**
 * Links between the entries of a transaction (https://hl7.org/fhir/R4/http.html#trules): where a resource points to the
 * fullUrl of another entry, the stored text points to the resource that the entry became. Only whole values are links,
 * and only where FHIR has links: never Identifier.value, which may say the same by chance. In a narrative, `href` and
 * `src` are.
 */
import { jsonStrings } from '../json-strings.js';

/** The replacement of a link; undefined leaves it as it is. */
export type ResolveLink = (link: string) => string | undefined;

/**
 * `text` (a resource in normal form) with its links replaced; everything else keeps its characters. `resolveCondition` is
 * asked for conditional references, `Type?query` as Reference.reference.
 */
export function rewriteLinks(text: string, resolve: ResolveLink, resolveCondition: ResolveLink): string {
  let rewritten = '';
  let copied = 0;
  let member = '';
  for (const { start, end, isName } of jsonStrings(text)) {
    if (isName) {
      member = text.slice(start + 1, end - 1);
      continue;
    }
    const replacement = replacementFor(member, text.slice(start, end), resolve, resolveCondition);
    if (replacement === undefined) continue;
    rewritten += text.slice(copied, start) + replacement;
    copied = end;
  }
  return copied === 0 ? text : rewritten + text.slice(copied);
}

/** `literal` is a JSON string with its quotes, and so is the result. */
function replacementFor(
  member: string,
  literal: string,
  resolve: ResolveLink,
  resolveCondition: ResolveLink,
): string | undefined {
  if (member === 'value') return undefined;
  if (member === 'div') return rewriteNarrative(literal, resolve);
  const link = literal.includes('\\') ? (JSON.parse(literal) as string) : literal.slice(1, -1);
  const resolved =
    member === 'reference' && isConditionalReference(link)
      ? resolveCondition(link)
      : resolveWithFragment(link, resolve);
  return resolved === undefined ? undefined : JSON.stringify(resolved);
}

function resolveWithFragment(link: string, resolve: ResolveLink): string | undefined {
  const hash = link.indexOf('#');
  if (hash < 1) return resolve(link);
  const resolved = resolve(link.slice(0, hash));
  return resolved === undefined ? undefined : resolved + link.slice(hash);
}

/** The quotes of attributes are escaped in a JSON string, unless they are single ones. */
const narrativeLink = /\b((?:href|src)\s*=\s*(?:\\"|'))([^"'\\]+)/g;

function rewriteNarrative(literal: string, resolve: ResolveLink): string | undefined {
  const rewritten = literal.replace(narrativeLink, (whole: string, before: string, link: string) => {
    const resolved = resolveWithFragment(link, resolve);
    return resolved === undefined ? whole : before + resolved;
  });
  return rewritten === literal ? undefined : rewritten;
}

const conditionalForm = /^[A-Z][A-Za-z]{0,63}\?/;
const conditionalInText = /"reference":"[A-Z][A-Za-z]{0,63}\?/;

/** Whether a Reference.reference is a search that stands for the resource it finds. */
const isConditionalReference = (reference: string): boolean => conditionalForm.test(reference);

/** Whether a resource in normal form has a conditional reference. */
export const hasConditionalReference = (text: string): boolean => conditionalInText.test(text);

/** The FHIR base URL that a RESTful fullUrl starts with: `https://x/fhir/` of `https://x/fhir/Patient/1`. */
export function baseOfFullUrl(fullUrl: string | undefined): string | undefined {
  return /^(https?:\/\/.+\/)[A-Z][A-Za-z]{0,63}\/[A-Za-z0-9\-.]{1,64}$/.exec(fullUrl ?? '')?.[1];
}

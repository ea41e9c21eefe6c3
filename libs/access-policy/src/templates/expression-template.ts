/**
 * FHIRPath expressions with variables (`subject.reference = %patient`). Values become string literals; inside a string
 * literal of the expression they become part of that literal. So whatever a value holds, the expression keeps its form.
 */
import { fhirpathLiterals } from '#fhir';
import { parseTemplate, type Template, type Variable } from './template-text.js';

/** An expression, cut at its string literals. */
export type ExpressionTemplate = readonly { readonly quoted: boolean; readonly template: Template }[];

/** Environment variables that FHIRPath and the server define; no parameter replaces them. */
const reservedNames: ReadonlySet<string> = new Set(['before', 'after', 'resource', 'context', 'ucum']);

/** Cuts an expression. What is no valid FHIRPath stays as it is and is refused when it is evaluated. */
export function parseExpressionTemplate(expression: string): ExpressionTemplate {
  const parts: { quoted: boolean; template: Template }[] = [];
  let end = 0;
  for (const match of expression.matchAll(fhirpathLiterals)) {
    parts.push({ quoted: false, template: parseCode(expression.slice(end, match.index)) });
    const isLiteral = match[1] !== undefined;
    parts.push({ quoted: isLiteral, template: isLiteral ? parseTemplate(match[0]) : [match[0]] });
    end = match.index + match[0].length;
  }
  parts.push({ quoted: false, template: parseCode(expression.slice(end)) });
  return parts.filter(({ template }) => template.length > 0);
}

/** Reserved names are no variables of ours; they stay in the text. */
function parseCode(code: string): Template {
  return parseTemplate(code).map((part) =>
    typeof part !== 'string' && reservedNames.has(part.name) ? `%${part.name}${part.idOnly ? '.id' : ''}` : part,
  );
}

/** The expression with `valueOf` in the places of its variables. */
export function fillExpression(template: ExpressionTemplate, valueOf: (variable: Variable) => string): string {
  return template
    .map(({ quoted, template: parts }) =>
      parts
        .map((part) => {
          if (typeof part === 'string') return part;
          const escaped = escapeLiteral(valueOf(part));
          return quoted ? escaped : `'${escaped}'`;
        })
        .join(''),
    )
    .join('');
}

/** https://hl7.org/fhirpath/N1/#string */
function escapeLiteral(text: string): string {
  return text.replace(
    /['\\\p{Cc}\u2028\u2029]/gu,
    (character) => escapes.get(character) ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

const escapes = new Map([
  ["'", "\\'"],
  ['\\', '\\\\'],
]);

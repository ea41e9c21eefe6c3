/**
 * Texts of an AccessPolicy with variables in them (`%organization`, `%patient.id`). A text is cut into its parts once;
 * values are put between the parts afterwards and are never read as a template, so no value can add a variable.
 */

/** A variable where it stands: `%name`, or `%name.id` for the id part of a reference. */
export interface Variable {
  readonly name: string;
  readonly idOnly: boolean;
}

type TemplatePart = string | Variable;

/** Literal texts and variables, in order. */
export type Template = readonly TemplatePart[];

/**
 * `%` and the longest run of `[A-Za-z0-9_]`: `%org_unit` is one variable and not `%org` before `_unit`. `.id` belongs to it
 * unless more of a name follows.
 */
const variableForm = /%([A-Za-z0-9_]+)(\.id(?![A-Za-z0-9_]))?/g;

/** Cuts `text` into literals and variables; `read` makes of each literal the text that it stands for. */
export function parseTemplate(text: string, read: (literal: string) => string = (literal) => literal): Template {
  const parts: TemplatePart[] = [];
  let end = 0;
  const addLiteral = (literal: string) => {
    if (literal !== '') parts.push(read(literal));
  };
  for (const match of text.matchAll(variableForm)) {
    addLiteral(text.slice(end, match.index));
    parts.push({ name: match[1] ?? '', idOnly: match[2] !== undefined });
    end = match.index + match[0].length;
  }
  addLiteral(text.slice(end));
  return parts;
}

/** The names of the variables in a template, each once. */
export function variableNames(templates: Iterable<Template>): Set<string> {
  const names = new Set<string>();
  for (const template of templates) {
    for (const part of template) if (typeof part !== 'string') names.add(part.name);
  }
  return names;
}

/** The text of the template with `valueOf` in the places of its variables. */
export function fill(template: Template, valueOf: (variable: Variable) => string): string {
  return template.map((part) => (typeof part === 'string' ? part : valueOf(part))).join('');
}

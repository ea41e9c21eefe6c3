/** `search-parameters.json`: HL7's parameters, with their expressions taken apart by base type. */

/** The members that are kept as they are, in the order in which they stand in the file. */
const kept = ['target', 'multipleOr', 'multipleAnd', 'comparator', 'modifier', 'chain'];

/** What R4B's package leaves out, as those of R4 and R5 have it: the types of the resources that stand in a Bundle. */
const missingTargets = {
  'http://hl7.org/fhir/SearchParameter/Bundle-composition': ['Composition'],
  'http://hl7.org/fhir/SearchParameter/Bundle-message': ['MessageHeader'],
};

/** The entries of the file, for the SearchParameter resources given. */
export function searchParameters(parameters) {
  return parameters.map((published) => {
    const parameter = { target: missingTargets[published.url], ...published };
    const { url, name, code, base, type, expression, component } = parameter;
    return {
      url,
      name,
      code,
      base,
      type,
      ...(expression ? { expression, byBase: branchesByBase(expression, base) } : {}),
      ...Object.fromEntries(kept.filter((key) => parameter[key] !== undefined).map((key) => [key, parameter[key]])),
      ...(component ? { component: component.map(rewriteComponent) } : {}),
    };
  });
}

function rewriteComponent({ definition, expression }) {
  return { definition, expression: rewrite(expression) };
}

/** By base type, the branches of the expression's union that concern it; a base that none concerns is left out. */
function branchesByBase(expression, bases) {
  const branches = splitUnion(expression);
  const byBase = {};
  for (const base of bases) {
    const own = branches.filter((branch) => concerns(branch, base, bases));
    if (own.length > 0) byBase[base] = own.map(rewrite);
  }
  return byBase;
}

/** Types whose elements all (or many) others have. */
const general = ['Resource', 'DomainResource', 'CanonicalResource', 'MetadataResource'];

/** A branch begins with the name of its type, or with an element of the one type there is. */
function concerns(branch, base, bases) {
  const [, type] = /^\(*([A-Z]\w*)\b/.exec(branch) ?? [];
  if (type === undefined || type === base || general.includes(type)) return true;
  return bases.length === 1 && !bases.includes(type);
}

/** Splits at the `|` that stand outside parentheses and quotes. */
function splitUnion(expression) {
  const branches = [''];
  let depth = 0;
  let quoted = false;
  for (const character of expression) {
    if (character === "'") quoted = !quoted;
    if (!quoted && character === '(') depth++;
    if (!quoted && character === ')') depth--;
    if (character === '|' && depth === 0 && !quoted) branches.push('');
    else branches[branches.length - 1] += character;
  }
  return branches.map((branch) => branch.trim());
}

/**
 * FHIRPath's `as` fails on a list of several, which HL7 overlooked, and `resolve()` would have to read other resources.
 * `ofType` and a look at the reference's own text say the same without that.
 */
function rewrite(expression) {
  return expression
    .replace(/\(([\w.]+(?:\[\d+\])?(?:\.\w+)*) as (\w+)\)/g, '$1.ofType($2)')
    .replace(/\.as\((\w+)\)/g, '.ofType($1)')
    .replace(/where\(resolve\(\) is (\w+)\)/g, (_, type) => `where(${refersTo(type)})`)
    .replace(/^([\w.[\]]+) as (\w+)$/, '$1.ofType($2)');
}

function refersTo(type) {
  return `reference.matches('(^|/)${type}/[^/]+(/_history/[^/]+)?$') or type = '${type}'`;
}

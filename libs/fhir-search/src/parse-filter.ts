/**
 * `_filter` (https://hl7.org/fhir/R4/search_filter.html) as criteria. Of the operators these are understood:
 *
 * | operator              | parameters of type                                                   |
 * |-----------------------|----------------------------------------------------------------------|
 * | eq, ne                | all; of a string the whole text                                      |
 * | co, sw                | string                                                               |
 * | sw                    | uri                                                                  |
 * | gt, ge, lt, le, sa, eb, ap | date, number, quantity                                          |
 * | re                    | reference                                                            |
 * | pr                    | all, with `true` or `false`                                          |
 *
 * A path may be a chain (`subject.name co "pet"`). `ne` holds for resources that have a value and none that is equal; of
 * dates, numbers and quantities it is the prefix. Everything else is refused by name.
 */
import { badRequest, type SearchParameter } from '#fhir';
import { readFilter, type FilterExpression } from './filter-expression.js';
import { parseCriterion, targetTypes, type CriterionContext } from './parse-criterion.js';
import { notSupportedYet } from './parameter-types/parameter-type.js';
import type { Criterion } from './search-request.js';
import { parameterOf } from './unknown-parameter.js';

/** The criterion that the filter `text` is for resources of `type`. Throws like `parseCriterion` and `readFilter`. */
export function parseFilter(type: string, text: string, context: CriterionContext): Criterion {
  return toCriterion(type, readFilter(text), context);
}

function toCriterion(type: string, expression: FilterExpression, context: CriterionContext): Criterion {
  switch (expression.kind) {
    case 'and':
    case 'or':
      return { kind: expression.kind, criteria: expression.parts.map((part) => toCriterion(type, part, context)) };
    case 'not':
      return { kind: 'not', criterion: toCriterion(type, expression.part, context) };
    case 'test':
      return testCriterion(type, expression, context);
  }
}

const orderOperators = new Set(['gt', 'ge', 'lt', 'le', 'sa', 'eb', 'ap']);
const orderedTypes = new Set<SearchParameter['type']>(['date', 'number', 'quantity']);

function testCriterion(
  type: string,
  { path, operator, value }: Extract<FilterExpression, { kind: 'test' }>,
  context: CriterionContext,
): Criterion {
  if (!/^[A-Za-z0-9_-]+(?:(?::[A-Za-z]+)?\.[A-Za-z0-9_-]+)*$/.test(path)) {
    throw badRequest(`'_filter' does not take the path '${path}'.`, { code: 'value', expression: ['_filter'] });
  }
  const parse = (modifier: string, text: string) => parseCriterion(type, path + modifier, [text], context);
  if (operator === 'pr') return parse(':missing', value === 'true' ? 'false' : value === 'false' ? 'true' : value);

  const kind = kindOf(type, path, context);
  const escaped = escapeValue(value, kind);
  if (orderedTypes.has(kind)) {
    if (operator === 'eq' || operator === 'ne' || orderOperators.has(operator)) return parse('', operator + escaped);
  } else if (operator === 'eq' || operator === 'ne') {
    const equal = parse(kind === 'string' ? ':exact' : '', escaped);
    if (operator === 'eq') return equal;
    return { kind: 'and', criteria: [parse(':missing', 'false'), { kind: 'not', criterion: equal }] };
  } else if (kind === 'string' && operator === 'co') return parse(':contains', escaped);
  else if (kind === 'string' && operator === 'sw') return parse('', escaped);
  else if (kind === 'uri' && operator === 'sw') return parse(':below', escaped);
  else if (kind === 'reference' && operator === 're') return parse('', escaped);
  throw notSupportedYet('_filter', `The operator '${operator}' for '${path}' (of type ${kind}) in '_filter'`);
}

/** The type of the parameter at the end of a path; of a chain, as the first of the possible targets has it. */
function kindOf(type: string, path: string, context: CriterionContext): SearchParameter['type'] {
  const { version } = context;
  const [step = '', ...rest] = path.split('.');
  const [code = '', target] = step.split(':');
  const parameter = parameterOf(version.searchParameters(type), type, code);
  if (rest.length === 0 || parameter.type !== 'reference') return parameter.type;
  const [next = ''] = rest[0]?.split(':') ?? [];
  const targets = target === undefined ? targetTypes(parameter, version) : [target];
  const found = targets.find((name) => version.searchParameters(name).has(next));
  // With nothing to follow the parameter itself is named as the one that cannot be followed, by whoever reads the chain.
  return found === undefined ? parameter.type : kindOf(found, rest.join('.'), context);
}

/** Filters have no escapes of their own outside quotes; a bar still parts the system from the code of a token. */
function escapeValue(value: string, kind: SearchParameter['type']): string {
  const special = kind === 'token' || kind === 'quantity' ? /[\\,$]/g : /[\\,|$]/g;
  return value.replace(special, '\\$&');
}

import { badRequest, type FhirVersion, type SearchParameter } from '#fhir';
import { assertFollowable } from './followable.js';
import { pointsTo } from './parse-criterion.js';
import type { Include } from './search-request.js';
import { parameterOf, UnknownParameter } from './unknown-parameter.js';

const nameForm = /^(_include|_revinclude)(?::(iterate|recurse))?$/;

/** Whether `name` is one of the parameters that ask for further resources. */
export const isInclude = (name: string): boolean => name.startsWith('_') && /^_(?:rev)?include(?::|$)/.test(name);

/**
 * Reads `_include` and `_revinclude` (https://hl7.org/fhir/R4/search.html#revinclude): `Type:reference`,
 * `Type:reference:Target`, `Type:*` and `*`. Throws UnknownParameter for types and parameters that do not exist, and
 * OutcomeError for a value of another form.
 */
export function parseInclude(version: FhirVersion, name: string, value: string): Include {
  const [, kind, iterate] = nameForm.exec(name) ?? [];
  if (kind === undefined) throw badInclude(name, `'${name}' takes the modifier ':iterate' only.`);
  const direction = kind === '_include' ? 'include' : 'revinclude';
  const common = { direction, iterate: iterate !== undefined } as const;
  if (value === '*') return { ...common, parameters: undefined, target: undefined };

  const [source = '', code, target, ...rest] = value.split(':');
  if (code === undefined || code === '' || rest.length > 0) {
    throw badInclude(
      name,
      `'${name}' takes 'Type:reference', 'Type:reference:Target', 'Type:*' or '*', not '${value}'.`,
    );
  }
  if (!version.isResourceType(source)) throw new UnknownParameter(`There is no resource type '${source}'.`);
  if (target !== undefined && !version.isResourceType(target)) {
    throw new UnknownParameter(`There is no resource type '${target}'.`);
  }
  return { ...common, parameters: keysOf(version, source, code, target, name), target };
}

function keysOf(
  version: FhirVersion,
  source: string,
  code: string,
  target: string | undefined,
  name: string,
): number[] {
  const all = version.searchParameters(source);
  if (code === '*') return [...all.values()].filter(({ type }) => type === 'reference').map(({ key }) => key);
  const parameter: SearchParameter = parameterOf(all, source, code);
  if (parameter.type !== 'reference') {
    throw new UnknownParameter(`The search parameter '${code}' of ${source} is no reference.`);
  }
  assertFollowable(parameter, source, name);
  if (target !== undefined && !pointsTo(parameter, target)) {
    throw new UnknownParameter(`The search parameter '${code}' of ${source} does not point to ${target}.`);
  }
  return [parameter.key];
}

const badInclude = (name: string, text: string) => badRequest(text, { code: 'value', expression: [name] });

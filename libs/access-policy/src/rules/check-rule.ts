import type { FhirVersion } from '#fhir';
import { compileCriteria, isProblem, type BoundPair } from './compile-criteria.js';
import { anyType, type RuleTemplate } from '../templates/rule-template.js';
import { fill } from '../templates/template-text.js';

/**
 * Why the criteria of a rule can be evaluated for nobody: a parameter that there is not, a chain, a modifier that policies
 * do not have. Undefined when they can, or when the version has no such type and the rule matches nothing anyway.
 */
export function checkRule(version: FhirVersion, template: RuleTemplate): string | undefined {
  const { type } = template;
  if (type !== anyType) return version.isResourceType(type) ? checkFor(version, type, template) : undefined;
  let first: string | undefined;
  for (const one of version.resourceTypes) {
    const problem = checkFor(version, one, template);
    if (problem === undefined) return undefined;
    first ??= problem;
  }
  return first;
}

/** Variables have values of the right form, whatever they will be. */
function checkFor(version: FhirVersion, type: string, { pairs }: RuleTemplate): string | undefined {
  const parameters = version.searchParameters(type);
  const samples = pairs.map(({ name, value }): BoundPair => {
    const isDate = parameters.get(name.split(':', 1)[0] ?? '')?.type === 'date';
    return [name, fill(value, ({ idOnly }) => (isDate ? '2000' : idOnly ? '1' : 'Organization/1'))];
  });
  const compiled = compileCriteria(version, type, samples);
  return isProblem(compiled) ? compiled.problem : undefined;
}

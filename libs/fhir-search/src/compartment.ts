import { notFound, type FhirVersion } from '#fhir';
import type { Criterion } from './search-request.js';

/** The resource whose compartment is meant, such as a patient. */
export interface CompartmentOwner {
  readonly type: string;
  readonly id: string;
}

/**
 * The types of which resources can be in the compartment, its owner's type included
 * (https://hl7.org/fhir/R4/compartmentdefinition.html). Throws 404 when the version has no such compartment or the id
 * cannot be one.
 */
export function compartmentTypes(version: FhirVersion, { type, id }: CompartmentOwner): string[] {
  if (!version.compartments.includes(type) || !/^[A-Za-z0-9\-.]{1,64}$/.test(id)) throw notFound();
  return [...new Set([type, ...version.compartment(type).keys()])].sort();
}

/** The criterion that a resource of `type` is in the compartment of `owner`. */
export function compartmentCriterion(version: FhirVersion, owner: CompartmentOwner, type: string): Criterion {
  const parameters = version.searchParameters(type);
  const codes = version.compartment(owner.type).get(type) ?? [];
  return {
    kind: 'compartment',
    owner: `${owner.type}/${owner.id}`,
    parameters: codes.flatMap((code) => {
      const parameter = parameters.get(code);
      return parameter === undefined ? [] : [{ code, key: parameter.key }];
    }),
    includesOwner: type === owner.type,
  };
}

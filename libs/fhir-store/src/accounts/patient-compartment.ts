import { isJsonObject, type FhirVersion, type JsonObject, type JsonValue, type SearchParameter } from '#fhir';
import { localReferences } from '#fhir-search';
import type { StoredVersion } from '../stored-version.js';

/** The type whose compartments are the charts of a project. */
export const chartType = 'Patient';

/** Per version and type, the parameters that put a resource into a patient's compartment. */
const known = new WeakMap<FhirVersion, Map<string, readonly SearchParameter[]>>();

/**
 * The patients, as `Patient/id`, in whose compartment the resource is by what it refers to
 * (https://hl7.org/fhir/R4/compartmentdefinition-patient.html), in order, each once. A Patient is in its own besides, which
 * is not said here. References to contained resources and by identifier lead to nobody.
 */
export function patientsOf(version: FhirVersion, resource: JsonObject, ownBaseUrls: readonly string[] = []): string[] {
  const { resourceType } = resource;
  const parameters = typeof resourceType === 'string' ? chartParameters(version, resourceType) : [];
  if (parameters.length === 0) return [];
  const localReference = localReferences(ownBaseUrls);
  const patients = new Set<string>();
  for (const parameter of parameters) {
    for (const { value } of parameter.evaluate(resource)) {
      const patient = patientForm.exec(localReference(referenceOf(value)))?.[1];
      if (patient !== undefined) patients.add(patient);
    }
  }
  return [...patients];
}

/**
 * The patients, as `Patient/id`, in whose charts a version says that it is (`meta.compartment`): with the Patient itself,
 * and without those of whom the caller must not know, if it is as the caller may see it.
 */
export function chartsOf({ extendedMeta }: Pick<StoredVersion, 'extendedMeta'>): string[] {
  const { compartment = [] } = JSON.parse(`{${extendedMeta}}`) as { compartment?: { reference: string }[] };
  return compartment.map(({ reference }) => reference).filter((reference) => patientForm.test(reference));
}

const patientForm = /^(Patient\/[A-Za-z0-9\-.]{1,64})(?:\/_history\/[^/]+)?$/;

/** The text of a Reference, or of the one in a CodeableReference; empty when there is none. */
function referenceOf(value: JsonValue | undefined): string {
  if (!isJsonObject(value)) return '';
  const { reference } = value;
  return typeof reference === 'string' ? reference : referenceOf(reference);
}

/** The parameters whose references put resources of `type` into a patient's compartment. */
export function chartParameters(version: FhirVersion, type: string): readonly SearchParameter[] {
  let byType = known.get(version);
  if (byType === undefined) known.set(version, (byType = new Map<string, readonly SearchParameter[]>()));
  let parameters = byType.get(type);
  if (parameters === undefined) {
    // A type that is none has no parameters, and is not kept, since names may come from clients.
    if (!version.isResourceType(type)) return [];
    const all = version.searchParameters(type);
    parameters = (version.compartment(chartType).get(type) ?? []).flatMap((code) => all.get(code) ?? []);
    byType.set(type, parameters);
  }
  return parameters;
}

/**
 * Who the patients of a resource are stands in `meta.compartment` as well, and can be asked by `_compartment`. Where a
 * reference is hidden that makes them so, neither may tell.
 */
import { parameterTouches } from '#access-policy';
import { isJsonObject, memberName, spansOf, type FhirVersion, type JsonValue } from '#fhir';
import type { Criterion } from '#fhir-search';
import type { StoredVersion } from '../stored-version.js';
import { chartParameters, chartType } from './patient-compartment.js';

/** By list of paths, then by version and type: the same list of a policy is asked about for every resource. */
const known = new WeakMap<readonly string[], Map<string, boolean>>();

/** Whether one of the fields at `paths` may be a reference by which resources of `type` are in a patient's chart. */
export function hidesCharts(version: FhirVersion, type: string, paths: readonly string[]): boolean {
  if (paths.length === 0) return false;
  let answers = known.get(paths);
  if (answers === undefined) known.set(paths, (answers = new Map<string, boolean>()));
  const key = `${version.label} ${type}`;
  let answer = answers.get(key);
  if (answer === undefined) {
    answer = chartParameters(version, type).some((parameter) => parameterTouches(type, parameter, paths));
    answers.set(key, answer);
  }
  return answer;
}

/** Whether a criterion of `_compartment` asks about patients: one that names organizations only asks nothing of them. */
export function asksForCharts(criterion: Criterion): boolean {
  if (criterion.kind !== 'token') return true;
  return criterion.values.some(({ code = '' }) => !code.includes('/') || code.startsWith(`${chartType}/`));
}

/** The extended meta without the patients in `compartment` whose charts the resource is in; a Patient stays in its own. */
export function withoutCharts({ type, id, extendedMeta }: StoredVersion): string {
  const text = `{${extendedMeta}}`;
  const members = spansOf(text).flatMap((span) => {
    if (memberName(text, span) !== 'compartment') return [text.slice(span.start, span.end)];
    const entries = JSON.parse(text.slice(span.value, span.end)) as JsonValue[];
    const kept = entries.filter((entry) => !isChart(entry) || isReferenceTo(entry, `${type}/${id}`));
    return kept.length === 0 ? [] : [`"compartment":${JSON.stringify(kept)}`];
  });
  return members.join(',');
}

const isChart = (entry: JsonValue): boolean =>
  isJsonObject(entry) && typeof entry['reference'] === 'string' && entry['reference'].startsWith(`${chartType}/`);

const isReferenceTo = (entry: JsonValue, reference: string): boolean =>
  isJsonObject(entry) && entry['reference'] === reference;

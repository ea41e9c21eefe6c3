/**
 * Who the patients of a resource are, and under which accounts it is filed, stands in `meta.compartment` as well, and can
 * be asked by `_compartment`. Where the references are hidden that make them so, or the accounts, neither may tell.
 */
import { parameterTouches } from '#access-policy';
import { isJsonObject, memberName, spansOf, type FhirVersion, type JsonValue } from '#fhir';
import type { Criterion } from '#fhir-search';
import type { StoredVersion } from '../stored-version.js';
import { chartParameters, chartType } from './patient-compartment.js';

/** What of where a resource is filed must not be told. */
export interface HiddenFiling {
  readonly charts: boolean;
  readonly accounts: boolean;
}

const nothingHidden: HiddenFiling = Object.freeze({ charts: false, accounts: false });

/** By list of paths, then by version and type: the same list of a policy is asked about for every resource. */
const known = new WeakMap<readonly string[], Map<string, HiddenFiling>>();

/** What must not be told when the fields at `paths` of resources of `type` are hidden. */
export function hiddenFiling(version: FhirVersion, type: string, paths: readonly string[]): HiddenFiling {
  if (paths.length === 0) return nothingHidden;
  let answers = known.get(paths);
  if (answers === undefined) known.set(paths, (answers = new Map<string, HiddenFiling>()));
  const key = `${version.label} ${type}`;
  let answer = answers.get(key);
  if (answer === undefined) {
    answer = {
      // A field that may be a reference by which the resources are in a patient's chart.
      charts: chartParameters(version, type).some((parameter) => parameterTouches(type, parameter, paths)),
      accounts: touchesAccounts(paths),
    };
    answers.set(key, answer);
  }
  return answer;
}

/** Whether one of the paths means what a resource is filed under: to hide displays of accounts alone hides no account. */
export const touchesAccounts = (paths: readonly string[]): boolean =>
  parameterTouches('Resource', { code: 'accounts', expressions: ['meta.accounts.reference'] }, paths);

/**
 * Whether a criterion of `_compartment` asks about something that is hidden. One that names organizations only asks
 * nothing of patients, and one that names patients only nothing of accounts.
 */
export function asksForHidden(criterion: Criterion, { charts, accounts }: HiddenFiling): boolean {
  if (!charts && !accounts) return false;
  if (criterion.kind !== 'token') return true;
  return criterion.values.some(({ code = '' }) => {
    if (!code.includes('/')) return true;
    return code.startsWith(`${chartType}/`) ? charts : accounts;
  });
}

/**
 * The extended meta without what is hidden of `compartment`: the patients in whose charts the resource is (a Patient
 * stays in its own), and the accounts. An account that is a Patient counts as a patient.
 */
export function withoutFiling({ type, id, extendedMeta }: StoredVersion, { charts, accounts }: HiddenFiling): string {
  if (!charts && !accounts) return extendedMeta;
  const text = `{${extendedMeta}}`;
  const members = spansOf(text).flatMap((span) => {
    if (memberName(text, span) !== 'compartment') return [text.slice(span.start, span.end)];
    const entries = JSON.parse(text.slice(span.value, span.end)) as JsonValue[];
    const isShown = (entry: JsonValue) =>
      isChart(entry) ? !charts || isReferenceTo(entry, `${type}/${id}`) : !accounts;
    const kept = entries.filter(isShown);
    return kept.length === 0 ? [] : [`"compartment":${JSON.stringify(kept)}`];
  });
  return members.join(',');
}

const isChart = (entry: JsonValue): boolean =>
  isJsonObject(entry) && typeof entry['reference'] === 'string' && entry['reference'].startsWith(`${chartType}/`);

const isReferenceTo = (entry: JsonValue, reference: string): boolean =>
  isJsonObject(entry) && entry['reference'] === reference;

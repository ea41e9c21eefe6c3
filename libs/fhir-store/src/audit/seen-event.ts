/**
 * An entry of the audit tells whose data somebody has read or written, and so where the references of a resource lead
 * that are hidden from whoever reads the entry. To them it is about the resource, and not about the patient.
 */
import type { AccessPolicy } from '#access-policy';
import type { FhirVersion } from '#fhir';
import { hiddenFiling, type HiddenFiling } from '../accounts/hidden-charts.js';
import { chartType } from '../accounts/patient-compartment.js';
import type { Context } from '../rights/rights.js';
import { withoutQuery, type AuditEventSource } from './audit-event.js';

/**
 * The event as the caller may know it. Where a rule hides from them who the patients of such resources are, it names no
 * patient but the one that it is about by itself; where a rule hides accounts, no account; and in both cases no query,
 * which may name either. What the caller's rules and searches say of the event is judged of what is left, so that they
 * cannot tell it either.
 */
export function seenEvent({ tenant, caller }: Context, event: AuditEventSource): AuditEventSource {
  const { row, compartment } = event;
  const { charts, accounts } = hiddenOf(tenant.version, caller.policy, row.entity);
  if (!charts && !accounts) return event;
  const [subject = ''] = row.entity.split('/_history', 1);
  const isChart = (reference: string) => reference.startsWith(`${chartType}/`);
  const seen = compartment.filter((one) => (isChart(one) ? !charts || one === subject : !accounts));
  return {
    ...event,
    row: { ...row, entity: withoutQuery(row.entity) },
    patient: seen.find(isChart),
    compartment: seen,
  };
}

/** By policy: what is hidden of any type at all. */
const ofAllTypes = new WeakMap<AccessPolicy, HiddenFiling>();

function hiddenOf(version: FhirVersion, policy: AccessPolicy, entity: string): HiddenFiling {
  const type = typeOf(entity);
  if (type !== undefined && version.isResourceType(type)) return ofType(version, policy, type);
  let hidden = ofAllTypes.get(policy);
  if (hidden === undefined) {
    hidden = joined(version.resourceTypes.map((each) => ofType(version, policy, each)));
    ofAllTypes.set(policy, hidden);
  }
  return hidden;
}

const ofType = (version: FhirVersion, policy: AccessPolicy, type: string): HiddenFiling =>
  joined((['read', 'search'] as const).map((each) => hiddenFiling(version, type, policy.hiddenFieldsOf(each, type))));

const joined = (all: readonly HiddenFiling[]): HiddenFiling => ({
  charts: all.some(({ charts }) => charts),
  accounts: all.some(({ accounts }) => accounts),
});

/**
 * `Type`, `Type/id` and their histories, and searches that bring nothing else along: without blanks, between which the
 * audit lists several, and not cut short.
 */
const oneType = /^([A-Za-z]+)(?:\/[^/?$]+)?(?:\/_history(?:\/[^/?]+)?)?(?:\?(?!.*include)[^ …]*)?$/;

/** The only type whose data the entry is about; undefined when it may be about any. */
const typeOf = (entity: string): string | undefined => oneType.exec(entity)?.[1];

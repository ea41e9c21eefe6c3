/**
 * The last step of every write before it is judged: where the finished resource is filed. It needs the accounts of the
 * patients to which the resource refers, so all references must have been resolved.
 */
import { forbidden } from '#fhir';
import { localReferences } from '#fhir-search';
import type { TakenResource } from '../credentials/take-credentials.js';
import { draftResource, type Draft, type Filing } from '../writing/draft.js';
import { judgedDraft } from '../rights/judged.js';
import type { Context } from '../rights/rights.js';
import type { StoredVersion } from '../stored-version.js';
import { distinctAccounts, referencesOf, sameReferences, storedAccounts, type Account } from './account.js';
import { limitsCharts, type Charts } from './charts.js';
import { decideAccounts, type AccountDecision } from './decide-accounts.js';
import { chartType, patientsOf } from './patient-compartment.js';

/** A resource as it will be written, but for where it is filed. */
export interface Unfinished {
  readonly id: string;
  readonly taken: TakenResource;
  /** Accounts that the request itself names. */
  readonly namedAccounts?: readonly string[] | undefined;
  /** What is written over; undefined, or a deletion, when the write makes the resource. */
  readonly current: Pick<StoredVersion, 'deleted' | 'body' | 'extendedMeta'> | undefined;
}

/**
 * The draft of a resource, filed as the rules say. Costs one statement when it depends on patients that `charts` does not
 * know, and none otherwise. Throws 400 for accounts that are none, StaleRights.
 */
export async function finishDraft(context: Context, charts: Charts, unfinished: Unfinished): Promise<Draft> {
  const plan = planFiling(context, unfinished);
  if (plan.decision.inherits) await charts.load(plan.patients);
  const draft = draftFiled(context, charts, unfinished, plan);
  if (draft.type === chartType) charts.add(`${chartType}/${draft.id}`, draft.filing.accounts, judgedDraft(draft));
  return draft;
}

/**
 * Looks up all patients on which the filing of the writes of a transaction depends, in one statement, and makes those that
 * are among the writes known as they will be. `named` is put around the work on each, to say which one an error is about.
 */
export async function loadCharts(
  context: Context,
  charts: Charts,
  writes: readonly Unfinished[],
  named: <T>(position: number, work: () => T) => T = (_, work) => work(),
): Promise<void> {
  const isLimited = limitsCharts(context.caller.policy);
  const needed: string[] = [];
  writes.forEach((unfinished, position) => {
    const plan = named(position, () => planFiling(context, unfinished));
    const { id, taken } = unfinished;
    if (taken.text.resourceType === chartType) {
      const patient = isLimited ? judgedDraft(draftFiled(context, charts, unfinished, plan)) : undefined;
      charts.add(`${chartType}/${id}`, filingOf(charts, unfinished, plan).accounts, patient);
    }
    if (plan.decision.inherits || isLimited) needed.push(...plan.patients);
  });
  await charts.load(needed);
}

/**
 * Throws 403 when the resource enters the chart of a patient whom the caller may not read, or who does not exist. Somebody
 * who has no rule about patients at all (a service that only sends messages) is not asked.
 */
export async function assertOwnCharts(context: Context, charts: Charts, { filing }: Draft): Promise<void> {
  if (filing.patients.length === 0 || !limitsCharts(context.caller.policy)) return;
  await charts.load(filing.patients);
  if (!filing.patients.every((patient) => charts.isReadable(patient))) throw forbidden();
}

interface FilingPlan {
  readonly patients: readonly string[];
  readonly stored: readonly Account[] | undefined;
  readonly decision: AccountDecision;
}

function planFiling({ tenant, caller }: Context, { id, taken, current, namedAccounts }: Unfinished): FilingPlan {
  const { version, ownBaseUrls = [] } = tenant;
  const { value, resourceType: type, sentAccounts } = taken.text;
  // What the request names counts like what a text says in extended mode, and goes before it.
  const sent = namedAccounts?.map((reference) => ({ reference })) ?? sentAccounts;
  const patients = patientsOf(version, value, ownBaseUrls).filter((patient) => patient !== `${type}/${id}`);
  const stored = current === undefined || current.deleted ? undefined : storedAccounts(current.body);
  const decision = decideAccounts({
    type,
    sent,
    decides: caller.policy.isAdministrator && (caller.extended === true || namedAccounts !== undefined),
    mayNameCharts: caller.policy.projectAdmin,
    policyAccounts: caller.policy.accounts,
    stored,
    patientsChange: stored !== undefined && havePatientsChanged(current?.extendedMeta ?? '', stored, patients),
    localReference: localReferences(ownBaseUrls),
  });
  return { patients, stored, decision };
}

function draftFiled({ tenant, caller }: Context, charts: Charts, unfinished: Unfinished, plan: FilingPlan): Draft {
  return draftResource(tenant, caller, unfinished.id, unfinished.taken, filingOf(charts, unfinished, plan));
}

function filingOf(charts: Charts, { taken }: Unfinished, { patients, stored, decision }: FilingPlan): Filing {
  const inherited = decision.inherits ? patients.flatMap((patient) => charts.accountsOf(patient)) : [];
  const accounts = distinctAccounts([...decision.accounts, ...inherited]);
  const isChart = taken.text.resourceType === chartType;
  const movesChart = isChart && stored !== undefined && !sameReferences(referencesOf(stored), referencesOf(accounts));
  return { accounts, patients, movesChart };
}

/** What is filed under the same accounts was about the same patients if its compartment is the same too. */
function havePatientsChanged(extendedMeta: string, stored: readonly Account[], patients: readonly string[]): boolean {
  const { compartment = [] } = JSON.parse(`{${extendedMeta}}`) as { compartment?: { reference: string }[] };
  return !sameReferences(
    compartment.map(({ reference }) => reference),
    [...referencesOf(stored), ...patients],
  );
}

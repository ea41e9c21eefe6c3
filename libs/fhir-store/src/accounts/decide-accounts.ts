import { forbidden, type JsonValue } from '#fhir';
import { assertFewAccounts, namedAccounts, readAccounts, referencesOf, type Account } from './account.js';
import { chartType } from './patient-compartment.js';

export interface AccountFacts {
  readonly type: string;
  /** What the text says of accounts; undefined when it says nothing of its `meta`. */
  readonly sent: JsonValue | undefined;
  /** Whether the writer says where things are filed: a project admin in extended mode. */
  readonly decides: boolean;
  /**
   * Whether they may name a Patient as an account. That puts a resource into the patient's compartment, whoever it is
   * about, and so within scopes that are meant for one chart.
   */
  readonly mayNameCharts: boolean;
  /** Under one or more of which the writer files what they make; the first by default. */
  readonly policyAccounts: readonly string[];
  /** The accounts that the resource has; undefined when the write makes it. */
  readonly stored: readonly Account[] | undefined;
  /** Whether the resource is about other patients than before. */
  readonly patientsChange: boolean;
  readonly localReference: (reference: string) => string;
}

export interface AccountDecision {
  readonly accounts: readonly Account[];
  /** Whether the accounts of all patients to which the resource refers come to them. */
  readonly inherits: boolean;
}

/**
 * Decides where a written resource is filed. A writer who says it decides. Others file what they make under the accounts of
 * their policy and those of its patients; later it moves only with its patients: somebody of another account who edits it
 * does not take it along. A Patient has accounts of its own, which no link to other patients changes. Throws 400 when
 * somebody who decides sends something else than references, and for more of them than there may be; 403 for a Patient
 * among them that is not there yet, from somebody who may not name one.
 */
export function decideAccounts(facts: AccountFacts): AccountDecision {
  const { type, sent, decides, stored, patientsChange, localReference } = facts;
  if (decides && sent !== undefined) {
    const accounts = readAccounts(sent, localReference, `${type}.meta.accounts`);
    assertChartsNameable(accounts, facts);
    return { accounts, inherits: false };
  }
  const hasOwnChart = type === chartType;
  if (stored === undefined) return { accounts: fromPolicy(facts), inherits: !hasOwnChart };
  if (hasOwnChart || !patientsChange) return { accounts: stored, inherits: false };
  return { accounts: [], inherits: true };
}

function assertChartsNameable(accounts: readonly Account[], { mayNameCharts, stored = [] }: AccountFacts): void {
  if (mayNameCharts) return;
  const known = new Set(referencesOf(stored));
  if (accounts.every(({ reference }) => known.has(reference) || !reference.startsWith(`${chartType}/`))) return;
  throw forbidden('A log-in whose scopes do not allow everything cannot name a Patient as an account.');
}

/** Members of several accounts may name those that they mean; whatever else they name is ignored. */
function fromPolicy({ type, sent, policyAccounts, localReference }: AccountFacts): Account[] {
  const [byDefault] = policyAccounts;
  if (byDefault === undefined) return [];
  const named = new Set(namedAccounts(sent, localReference));
  const chosen = policyAccounts.filter((reference) => named.has(reference));
  assertFewAccounts(chosen, `${type}.meta.accounts`);
  return (chosen.length > 0 ? chosen : [byDefault]).map((reference) => ({ reference }));
}

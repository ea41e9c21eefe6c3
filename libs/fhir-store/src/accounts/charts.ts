import type { AccessPolicy, JudgedResource } from '#access-policy';
import { judgedVersion } from '../rights/judged.js';
import type { ReadingScope } from '../reading/reading-scope.js';
import type { Context } from '../rights/rights.js';
import { findMany } from '../sql/read.sql.js';
import { storedAccounts, type Account } from './account.js';
import { findPatientStarts } from './patients.sql.js';
import { chartType } from './patient-compartment.js';

interface Chart {
  readonly accounts: readonly Account[];
  /** The patient, where rights must be judged by it. */
  readonly patient: JudgedResource | undefined;
}

/** Whether there are charts into which the caller may not write. */
export const limitsCharts = (policy: AccessPolicy): boolean => policy.chartLimit !== undefined;

/**
 * What is known of the patients to which the resources of one write, or of one transaction, refer: the patients of the
 * project, and those that are written along with them. Each is looked up once, and its body is fetched only for a caller
 * who may not read every patient.
 */
export class Charts {
  /** By `Patient/id`; undefined for a patient that does not exist. */
  private readonly known = new Map<string, Chart | undefined>();
  private readonly limit: AccessPolicy['chartLimit'];

  constructor(
    context: Context,
    private readonly scope: ReadingScope,
  ) {
    this.limit = context.caller.policy.chartLimit;
  }

  /** Looks up those of `patients` that are not known yet, in one statement. Throws StaleRights. */
  async load(patients: Iterable<string>): Promise<void> {
    const missing = [...new Set(patients)].filter((patient) => !this.known.has(patient));
    if (missing.length === 0) return;
    const ids = missing.map((patient) => patient.slice(chartType.length + 1));
    const { epoch } = this.scope;
    if (this.limit !== undefined) {
      const identities = ids.map((id) => ({ type: chartType, id }));
      const found = await this.scope.lookUp((connection) => findMany(connection, epoch, identities));
      for (const patient of missing) {
        const version = found.get(patient);
        this.known.set(patient, version && { accounts: storedAccounts(version.body), patient: judgedVersion(version) });
      }
      return;
    }
    const starts = await this.scope.lookUp((connection) => findPatientStarts(connection, epoch, ids));
    missing.forEach((patient, position) => {
      const start = starts.get(ids[position] ?? '');
      this.known.set(
        patient,
        start === undefined ? undefined : { accounts: storedAccounts(start), patient: undefined },
      );
    });
  }

  /** A Patient that is about to be written: others of the same transaction are about it as it will be. */
  add(patient: string, accounts: readonly Account[], judged: JudgedResource | undefined): void {
    this.known.set(patient, { accounts, patient: judged });
  }

  /** The accounts of a patient that has been looked up; none of one that does not exist. */
  accountsOf(patient: string): readonly Account[] {
    return this.known.get(patient)?.accounts ?? [];
  }

  /** Whether the caller may write into the chart of a patient that has been looked up. */
  isReadable(patient: string): boolean {
    if (this.limit === undefined) return true;
    const judged = this.known.get(patient)?.patient;
    return judged !== undefined && this.limit(judged);
  }
}

/**
 * `$set-accounts`: files a resource anew, and with `propagate` carries the change of a Patient over to the resources of its
 * compartment. First the Patient itself changes, as a change of rights, so that whatever is written from then on takes over
 * the new accounts; what has to be carried over is kept in the same transaction. Then the resources that are there follow,
 * some at a time. Cut short, the rest is done by the next call: what has been done already is found so and left alone.
 */
import { conflict, forbidden, gone, notFound, readResource, type JsonValue } from '#fhir';
import { filedUnderToken, localReferences } from '#fhir-search';
import { StaleRights } from '../caller.js';
import { draftResource, type Draft } from '../writing/draft.js';
import { Readings } from '../reading/readings.js';
import { ownReadings, readingsOn } from '../reading/reading-scope.js';
import { changesRights, type Context } from '../rights/rights.js';
import { lockCurrent, type Identity } from '../sql/read.sql.js';
import { sumInPieces } from '../sql/sum-in-pieces.js';
import { replaceVersion } from '../sql/replace.sql.js';
import type { CurrentVersion } from '../stored-version.js';
import { inTransaction, RightsChangeNeeded, type Scope } from '../transaction.js';
import {
  distinctAccounts,
  readAccounts,
  referencesOf,
  sameReferences,
  storedAccounts,
  type Account,
} from './account.js';
import {
  endAccountsChange,
  findAccountsChange,
  findByTokens,
  keepAccountsChange,
  type AccountsChange,
} from './accounts-change.sql.js';
import { Charts } from './charts.js';
import { chartType, patientsOf } from './patient-compartment.js';

export interface AccountsRequest extends Identity {
  /** A list of references, unchecked. */
  readonly accounts: JsonValue;
  /** Carry the change of a Patient over to its compartment. */
  readonly propagate: boolean;
}

/** So many resources are filed anew in one transaction, which is far less than a second's work. */
const chunkSize = 50;

/**
 * Files a resource under these accounts and no others, and returns how many resources were about it: the resource itself,
 * and those that were filed anew with it. Throws 403 when the caller is no project admin, 400 for accounts that are none,
 * and like a read when the caller cannot see the resource; 409 when another call for the same Patient comes in between; and
 * StaleRights, with a part of the work done, when rights have changed meanwhile and the caller cannot be renewed.
 */
export async function setAccounts(context: Context, request: AccountsRequest): Promise<number> {
  const { tenant, caller } = context;
  const { type, id, propagate } = request;
  const accounts = await admittedAccounts(context, request);
  const carriesOver = propagate && type === chartType;
  const done = await inTransaction(tenant, caller, changesRights('update', type), async (scope) => {
    const target = (await lockCurrent(scope.connection, [request])).get(`${type}/${id}`);
    if (target === undefined) throw notFound();
    if (target.deleted) throw gone();
    const version = await fileAnew(scope, context, target, accounts);
    const work = carriesOver ? await noteChange(scope, target, version, accounts) : undefined;
    return { work, epoch: scope.epoch };
  });
  if (done.work === undefined) return 1;
  // The change of rights was the caller's own.
  const { epoch } = done;
  const own = epoch === undefined ? context : { tenant, caller: { ...caller, epoch } };
  return 1 + (await carryOver(own, { id, accounts, ...done.work }));
}

/** The accounts of a request that may be carried out. Throws what `setAccounts` throws before it changes anything. */
export async function admittedAccounts(
  { tenant, caller }: Context,
  { type, id, accounts }: Pick<AccountsRequest, 'type' | 'id' | 'accounts'>,
): Promise<readonly Account[]> {
  if (!caller.policy.projectAdmin) throw forbidden();
  const read = readAccounts(accounts, localReferences(tenant.ownBaseUrls ?? []), 'accounts');
  await new Readings({ tenant, caller }, ownReadings(tenant, caller.epoch)).read(type, id);
  return read;
}

/** Writes the resource with these accounts, unless it has them; the number of its version then. */
async function fileAnew(
  scope: Scope,
  context: Context,
  current: CurrentVersion,
  accounts: readonly Account[],
): Promise<string> {
  const stored = storedAccounts(current.body);
  if (JSON.stringify(stored) === JSON.stringify(accounts)) return current.versionId;
  const draft = draftOfStored(context, current, accounts);
  if (draft.filing.movesChart && scope.changesRights !== true) throw new RightsChangeNeeded();
  const version = await replaceVersion(scope.connection, scope.epoch, context.caller, current, draft);
  // Under the lock there is nobody who could have been quicker.
  if (version === undefined) throw new Error('A resource was changed by somebody else in spite of the lock on it.');
  return version.versionId;
}

/** The stored resource as it is, filed under other accounts. */
function draftOfStored({ tenant, caller }: Context, current: CurrentVersion, accounts: readonly Account[]): Draft {
  const { type, id, body } = current;
  const text = readResource(body);
  const patients = patientsOf(tenant.version, text.value, tenant.ownBaseUrls);
  const movesChart = type === chartType && !sameReferences(referencesOf(storedAccounts(body)), referencesOf(accounts));
  return draftResource(
    tenant,
    caller,
    id,
    { text, credentials: {} },
    { accounts, patients: patients.filter((patient) => patient !== `${type}/${id}`), movesChart },
  );
}

interface Work {
  readonly rowId: string;
  /** The version of the Patient that brought the change. */
  readonly version: string;
  readonly change: AccountsChange;
}

/** Notes what is to be carried over, with what an earlier call has left. */
async function noteChange(
  { connection }: Scope,
  { rowId, body }: CurrentVersion,
  version: string,
  accounts: readonly Account[],
): Promise<Work | undefined> {
  const left = await findAccountsChange(connection, rowId);
  const change = joinChanges(left, referencesOf(storedAccounts(body)), referencesOf(accounts));
  if (change.added.length + change.removed.length === 0) return undefined;
  await keepAccountsChange(connection, rowId, version, change);
  return { rowId, version, change };
}

/** What leads from `before`, where `left` has not been carried over everywhere, to `after`. */
export function joinChanges(
  left: AccountsChange = { added: [], removed: [] },
  before: readonly string[],
  after: readonly string[],
): AccountsChange {
  const now = new Set(after);
  const then = new Set(before);
  // Some resources may have what was to be added, others still what was to go.
  const added = [...left.added, ...left.removed, ...after.filter((reference) => !then.has(reference))];
  const removed = [...left.removed, ...left.added, ...before];
  return {
    added: [...new Set(added)].filter((reference) => now.has(reference)),
    removed: [...new Set(removed)].filter((reference) => !now.has(reference)),
  };
}

type Carrying = Work & { readonly id: string; readonly accounts: readonly Account[] };

/** Carries the change over to all resources of the Patient's compartment; returns how many were filed anew. */
async function carryOver(context: Context, carrying: Carrying): Promise<number> {
  const { tenant } = context;
  const { version, hasher } = tenant;
  const patient = `${chartType}/${carrying.id}`;
  // Other Patients have accounts of their own, whatever links they have to this one.
  const types = [...version.compartment(chartType).keys()].filter((type) => type !== chartType);
  const tokens = types.map((type) => filedUnderToken(version, hasher, type, patient));
  let current = context;
  const renewing = async <T>(work: (context: Context) => Promise<T>): Promise<T> => {
    for (;;) {
      try {
        return await work(current);
      } catch (error) {
        const renewed = error instanceof StaleRights ? await current.caller.renew?.() : undefined;
        // Whoever is no admin any more is refused when the whole is repeated.
        if (renewed?.policy.projectAdmin !== true) throw error;
        current = { tenant, caller: renewed };
      }
    }
  };
  const resources = await renewing(({ caller }) =>
    tenant.use((connection) => findByTokens(connection, caller.epoch, tokens)),
  );
  let filed = 0;
  for (let at = 0; at < resources.length; at += chunkSize) {
    const chunk = resources.slice(at, at + chunkSize);
    filed += await sumInPieces(chunk, (piece) =>
      renewing((as) => inTransaction(tenant, as.caller, false, (scope) => fileChunk(scope, as, carrying, piece))),
    );
  }
  await tenant.use((connection) => endAccountsChange(connection, carrying.rowId, carrying.version));
  return filed;
}

async function fileChunk(
  scope: Scope,
  context: Context,
  { id, rowId, version, accounts, change }: Carrying,
  chunk: readonly Identity[],
): Promise<number> {
  const noted = await findAccountsChange(scope.connection, rowId);
  if (noted?.version !== version) throw overtaken();
  const locked = [...(await lockCurrent(scope.connection, chunk)).values()].filter(({ deleted }) => !deleted);
  const removed = new Set(change.removed);
  const concerned = locked.filter(({ body }) => {
    const references = new Set(referencesOf(storedAccounts(body)));
    return change.added.some((one) => !references.has(one)) || change.removed.some((one) => references.has(one));
  });
  const charts = new Charts(context, readingsOn(scope));
  const others = new Map(concerned.map((current) => [current, otherPatients(context, current, id)]));
  if (removed.size > 0) await charts.load([...others.values()].flat());
  const added = accounts.filter(({ reference }) => change.added.includes(reference));
  let filed = 0;
  for (const [current, patients] of others) {
    const kept = new Set(patients.flatMap((patient) => referencesOf(charts.accountsOf(patient))));
    const stored = storedAccounts(current.body).filter(
      ({ reference }) => !removed.has(reference) || kept.has(reference),
    );
    const before = current.versionId;
    if ((await fileAnew(scope, context, current, distinctAccounts([...stored, ...added]))) !== before) filed++;
  }
  return filed;
}

/** The patients besides this one to which a stored resource refers. */
function otherPatients({ tenant }: Context, { body }: CurrentVersion, id: string): string[] {
  const patients = patientsOf(tenant.version, readResource(body).value, tenant.ownBaseUrls);
  return patients.filter((patient) => patient !== `${chartType}/${id}`);
}

const overtaken = () => conflict('Another call changes the accounts of the same patient; send this one again');

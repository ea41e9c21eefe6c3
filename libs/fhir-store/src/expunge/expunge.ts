/**
 * `$expunge`: a resource with all its versions is removed as if it had never been, and with `everything` the whole chart of
 * a Patient. What stays is a row of the audit for each resource, which says who did it and keeps no content.
 *
 * A chart goes some resources at a time, and the Patient in the end, in a transaction beside which nothing is written: what
 * has come into the chart meanwhile goes with it. Cut short, the call can be repeated, because the Patient is still there.
 */
import { badRequest, conflict, forbidden, notFound } from '#fhir';
import { filedUnderToken } from '#fhir-search';
import { chartType } from '../accounts/patient-compartment.js';
import { assertNotOwners } from '../administration/owner-membership.js';
import { assertNotAudit } from '../audit/audit-id.js';
import { auditOrigin } from '../audit/audit-origin.js';
import { subjectsOf } from '../audit/audit-subjects.js';
import { recordAudit } from '../audit/audit.sql.js';
import { searchBinaryVersions } from '../sql/binary-versions.sql.js';
import { forgetCredentials } from '../credentials/credentials.sql.js';
import { assertGranted, changesRights, type Context } from '../rights/rights.js';
import { lockCurrent, type Identity } from '../sql/read.sql.js';
import { sumInPieces } from '../sql/sum-in-pieces.js';
import { isFhirId, type CurrentVersion } from '../stored-version.js';
import { inTransaction, type Scope } from '../transaction.js';
import { findChartMembers, removeResources, type ChartMember, type ChartSearch } from './expunge.sql.js';
import { assertMayExpunge } from './may-expunge.js';

interface ExpungeRequest extends Identity {
  /** With the Patient all that is in its chart. */
  readonly everything: boolean;
}

/** So many resources are removed in one transaction, which is far less than a second's work. */
const chunkSize = 100;

/** Logs are no part of what they are about: what they say of a resource stays when it is gone. */
const logTypes: ReadonlySet<string> = new Set(['AuditEvent']);

/** Types without which the project, or the record of who did what in it, would not be whole. */
const keptTypes: ReadonlySet<string> = new Set([...logTypes, 'Project', 'Login']);

/**
 * Removes a resource, deleted or not, and returns how many resources were removed. Throws 403 when the caller is no project
 * admin, has no right to delete one of them, or when it is one that has to stay (a log, the project, the own membership);
 * 400 for the owner, and for `everything` of what is no Patient; 404 for what is not there; 409 when a chart keeps growing.
 */
export async function expunge(context: Context, request: ExpungeRequest): Promise<number> {
  const { tenant, caller } = context;
  const { type, id, everything } = request;
  if (!caller.policy.projectAdmin) throw forbidden();
  assertGranted(context, 'delete', type);
  assertNotAudit(type, id);
  if (keptTypes.has(type)) throw forbidden(`A ${type} cannot be expunged`);
  if (caller.membership === `${type}/${id}`) throw forbidden('Nobody can expunge the own membership');
  if (!isFhirId(id)) throw notFound();
  if (everything && type !== chartType) {
    throw badRequest(`Only a ${chartType} can be expunged with everything`, { expression: ['everything'] });
  }
  if (everything) return expungeChart(context, request);
  return inTransaction(tenant, caller, changesRights('delete', type), async (scope) => {
    const removed = await remove(scope, context, [request]);
    if (removed === 0) throw notFound();
    return removed;
  });
}

async function expungeChart(context: Context, patient: Identity): Promise<number> {
  const { tenant, caller } = context;
  const search = chartSearch(context, `${chartType}/${patient.id}`);
  // Nothing is removed before it is known that all of it may be.
  const admit = (chunk: readonly Identity[]) =>
    sumInPieces(chunk, (piece) =>
      inTransaction(tenant, caller, false, async (scope) => (await admitted(scope, context, piece)).length),
    );
  if ((await admit([patient])) === 0) throw notFound();
  for await (const chunk of membersInChunks(context, search)) await admit(chunk);
  const files = await filesOf(context, patient.id);
  for (const chunk of inChunks(files)) await admit(chunk);

  let removed = 0;
  const removeChunk = (chunk: readonly Identity[]) =>
    sumInPieces(chunk, (piece) => inTransaction(tenant, caller, false, (scope) => remove(scope, context, piece)));
  for await (const chunk of membersInChunks(context, search)) removed += await removeChunk(chunk);
  for (const chunk of inChunks(files)) removed += await removeChunk(chunk);
  return inTransaction(tenant, caller, true, async (scope) => {
    const { connection, epoch } = scope;
    const late: ChartMember[] = [];
    for await (const chunk of chunksOf(search, (window) => findChartMembers(connection, epoch, search, window))) {
      late.push(...chunk);
      if (late.length >= chunkSize) throw conflict('The chart has grown meanwhile; send the request again');
    }
    return removed + (await sumInPieces([...late, patient], (piece) => remove(scope, context, piece)));
  });
}

/** Removes those of the resources that are there, and records it; returns their number. */
async function remove(scope: Scope, context: Context, identities: readonly Identity[]): Promise<number> {
  const { connection } = scope;
  const found = await admitted(scope, context, identities);
  if (found.length === 0) return 0;
  for (const version of found) {
    if (!version.deleted) await assertNotOwners(context, scope, version);
    await forgetCredentials(connection, version.type, version.id);
  }
  await removeResources(
    connection,
    found.map(({ rowId }) => rowId),
  );
  await recordAudit(
    connection,
    found.map((version) => ({
      ...auditOrigin(context.caller),
      action: 'D',
      outcome: 'success',
      entity: `${version.type}/${version.id}`,
      subjects: subjectsOf([version]),
      detail: 'expunged with all versions',
    })),
  );
  return found.length;
}

/** Those of the resources that are there, locked. Throws 403 unless the caller may expunge each. */
async function admitted(scope: Scope, context: Context, identities: readonly Identity[]): Promise<CurrentVersion[]> {
  const found = [...(await lockCurrent(scope.connection, identities)).values()];
  for (const version of found) await assertMayExpunge(context, scope, version);
  return found;
}

function chartSearch({ tenant: { version, hasher } }: Context, patient: string): ChartSearch {
  // Other Patients have charts of their own, whatever links they have to this one.
  const types = [...version.compartment(chartType).keys()].filter((type) => type !== chartType && !logTypes.has(type));
  return { patient, types, tokens: types.map((type) => filedUnderToken(version, hasher, type, patient)) };
}

const membersInChunks = ({ tenant, caller }: Context, search: ChartSearch): AsyncGenerator<readonly ChartMember[]> =>
  chunksOf(search, (window) => tenant.use((connection) => findChartMembers(connection, caller.epoch, search, window)));

/** The members of the chart among what `find` finds, however much of it belongs to other charts. */
async function* chunksOf(
  search: ChartSearch,
  find: (window: { readonly after: string; readonly limit: number }) => Promise<ChartMember[]>,
): AsyncGenerator<readonly ChartMember[]> {
  let after: string | undefined = '0';
  while (after !== undefined) {
    const found: ChartMember[] = await find({ after, limit: chunkSize });
    const members = found.filter((member) => isInChart(search, member));
    if (members.length > 0) yield members;
    after = found.length < chunkSize ? undefined : found.at(-1)?.rowId;
  }
}

/** What is deleted was found by a reference anywhere in its meta; only its compartment counts. */
const isInChart = ({ patient }: ChartSearch, member: ChartMember): boolean =>
  !member.deleted ||
  subjectsOf([member])
    .split('\n')
    .some((line) => line === patient || line.startsWith(`${patient} `));

/** The Binaries of which a version names the Patient as its security context, which nobody could read without it. */
async function filesOf({ tenant }: Context, patientId: string): Promise<Identity[]> {
  const pattern = `"securityContext":\\{[^{}]*"reference":"(Patient/${patientId.replaceAll('.', '[.]')})(?:"|/_history/)`;
  const ids = new Set<string>();
  for await (const { id } of searchBinaryVersions(tenant, { marker: '"securityContext"', pattern })) ids.add(id);
  return [...ids].map((id) => ({ type: 'Binary', id }));
}

function* inChunks(identities: readonly Identity[]): Generator<readonly Identity[]> {
  for (let at = 0; at < identities.length; at += chunkSize) yield identities.slice(at, at + chunkSize);
}

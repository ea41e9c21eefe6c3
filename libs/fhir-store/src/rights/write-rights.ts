/**
 * What a policy says of a write, beyond the type: of the stored resource that it changes, and of the finished one that
 * it leaves. Of a policy that says nothing about single resources nothing is asked, and no body is parsed.
 */
import { constraintsHold, type Grant, type Interaction, type JudgedResource } from '#access-policy';
import { forbidden, notFound } from '#fhir';
import { assertConditions, decideUpdate, type WriteConditions } from '../writing/decide-update.js';
import type { Draft } from '../writing/draft.js';
import { judgeStored, type GrantedContent } from './judge-stored.js';
import { judgedDraft } from './judged.js';
import type { ReadingScope } from '../reading/reading-scope.js';
import { mayCreateByUpdate, type Context } from './rights.js';
import { mayBeGuarded } from './security-context.js';
import { shownBy } from './shown-fields.js';
import type { CurrentVersion, StoredVersion } from '../stored-version.js';

/** What a write may do to the fields of a resource, and what its answer must not show of them. */
interface FieldRights {
  /** Paths that keep their stored value; where nothing is stored, they stay away. */
  readonly kept: readonly string[];
  readonly hidden: readonly string[];
}

const allFields: FieldRights = Object.freeze({ kept: [], hidden: [] });

/** A write that may go on: the caller may change what is stored now. */
export interface Admission {
  readonly interaction: 'create' | 'update';
  readonly type: string;
  /** The row that is written over; undefined when there is none yet. */
  readonly current: CurrentVersion | undefined;
  /** The content that the write changes; undefined when it makes the resource or brings it back. */
  readonly before: JudgedResource | undefined;
  readonly fields: FieldRights;
}

/** Whether the policy says the same of every write to resources of the type, and hides nothing of them. */
export function needsNoJudgement({ caller: { policy } }: Context, interaction: Interaction, type: string): boolean {
  return (
    policy.grantsFully(interaction, type) &&
    policy.hiddenFieldsOf('read', type).length === 0 &&
    policy.hiddenFieldsOf('search', type).length === 0
  );
}

/** Whether the caller may read a resource with this content. */
export const mayRead = ({ caller: { policy } }: Context, resource: JudgedResource): boolean =>
  policy.grantsFully('read', resource.type) || policy.grantFor('read', resource) !== undefined;

/** Lets a new resource be made of it. */
export const admitCreate = (type: string): Admission => ({
  interaction: 'create',
  type,
  current: undefined,
  before: undefined,
  fields: allFields,
});

/**
 * Lets an update or a patch go on. Throws 404 for what never was there, unless the caller may make it by PUT; 403 when
 * `update` is not granted on the stored resource (deleted: on its last content) or its security context cannot be read;
 * 410 when it is deleted and the caller cannot bring it back; 412 when one of the `conditions` does not hold.
 */
export async function admitUpdate(
  context: Context,
  scope: ReadingScope,
  type: string,
  current: CurrentVersion | undefined,
  conditions: WriteConditions,
  mayCreate = mayCreateByUpdate(context, type),
): Promise<Admission> {
  const before = current && (await judgedBefore(context, scope, 'update', current));
  if (decideUpdate({ current, conditions, mayCreate }) === 'create') return { ...admitCreate(type), current };
  const fields = before === undefined ? allFields : fieldRights(context, before.resource, before.grant);
  return { interaction: 'update', type, current, before: before?.resource, fields };
}

/** Lets a deletion go on, by the same rules; of what is deleted already too. */
export async function admitDelete(
  context: Context,
  scope: ReadingScope,
  current: CurrentVersion | undefined,
  conditions: WriteConditions,
): Promise<CurrentVersion> {
  if (current === undefined) throw notFound();
  await judgedBefore(context, scope, 'delete', current);
  if (!current.deleted) assertConditions(conditions, current);
  return current;
}

/** Throws 403 unless the caller may change the stored resource; what was judged when it had to be looked at. */
async function judgedBefore(
  context: Context,
  scope: ReadingScope,
  interaction: 'update' | 'delete',
  current: CurrentVersion,
): Promise<GrantedContent | undefined> {
  const { type } = current;
  if (needsNoJudgement(context, interaction, type) && !mayBeGuarded(type)) return undefined;
  return judgeStored(context, scope, interaction, current);
}

/** What the policy says of the finished resource. */
export interface FinishedRights {
  readonly fields: FieldRights;
  /** Throws 403 unless the constraints of the rule that grants the finished resource hold. */
  assertConstraints(): void;
}

const allRights: FinishedRights = { fields: allFields, assertConstraints: () => undefined };

/** Throws 403 unless the policy grants what the write makes of the resource. */
export function judgeFinished(
  context: Context,
  { interaction, type, before }: Admission,
  draft: Draft,
): FinishedRights {
  if (needsNoJudgement(context, interaction, type)) return allRights;
  const { caller, tenant } = context;
  const after = judgedDraft(draft);
  const grant = caller.policy.grantFor(interaction, after);
  if (grant === undefined) throw forbidden();
  return {
    fields: fieldRights(context, after, grant),
    assertConstraints: () => {
      const states = { before: before?.value, after: after.value };
      if (!constraintsHold(tenant.version, grant.writeConstraints, states)) throw forbidden();
    },
  };
}

/** What a conditional create has found, as a search shows it. */
export function shownMatch(context: Context, match: StoredVersion): StoredVersion {
  const shown = shownBy(context, 'search', match);
  if (shown === undefined) throw forbidden();
  return shown;
}

/**
 * Whoever writes back what they have read must not take away what they could not see, so what is hidden from reading is
 * kept too, whichever rule grants the write.
 */
function fieldRights(context: Context, resource: JudgedResource, grant: Grant): FieldRights {
  const hidden = union(grant.hiddenFields, unseenFields(context, resource));
  return { kept: union(hidden, grant.readonlyFields), hidden };
}

function unseenFields({ caller: { policy } }: Context, resource: JudgedResource): readonly string[] {
  const { type } = resource;
  if (policy.hiddenFieldsOf('read', type).length + policy.hiddenFieldsOf('search', type).length === 0) return [];
  const seen = policy.grantFor('read', resource) ?? policy.grantFor('search', resource);
  return seen?.hiddenFields ?? [];
}

/** Both lists, each path once. */
export const union = (one: readonly string[], other: readonly string[]): readonly string[] =>
  other.length === 0 ? one : one.length === 0 ? other : [...new Set([...one, ...other])];

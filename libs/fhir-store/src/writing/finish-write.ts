/** From what a client wants to be stored to what is stored, within the caller's rights. */
import { keepFields } from '#access-policy';
import { bodyHead, bodyTail, forbidden, OutcomeError, readResource, type ResourceText } from '#fhir';
import { Charts } from '../accounts/charts.js';
import { assertOwnCharts, finishDraft, type Unfinished } from '../accounts/finish-draft.js';
import { touchesAccounts } from '../accounts/hidden-charts.js';
import { fieldsOfAdministrators } from '../credentials/credential-rights.js';
import type { TakenResource } from '../credentials/take-credentials.js';
import type { Draft } from './draft.js';
import { judgedVersion } from '../rights/judged.js';
import { assertNamedContextReadable } from '../rights/readable-context.js';
import type { ReadingScope } from '../reading/reading-scope.js';
import type { Context } from '../rights/rights.js';
import { judgeFinished, mayRead, union, type Admission } from '../rights/write-rights.js';
import { saysTheSame } from './decide-update.js';
import { ProfileChecks } from './profile-checks.js';
import { assertReferences } from './written-references.js';
import type { Written } from './written.js';

/** A write that has been admitted. */
export interface Pending {
  readonly admission: Admission;
  readonly id: string;
  readonly written: Written;
}

/** A write that the caller may make, ready for the database. */
export interface Finished {
  readonly admission: Admission;
  readonly draft: Draft;
  /** What its answer must not show. */
  readonly hidden: readonly string[];
  /** Whether nothing is to be written, because the stored version says the same already. */
  readonly isUnchanged: boolean;
}

/**
 * Finishes a write. Fields that the caller cannot see or change keep their stored value; what comes of that is checked,
 * filed and judged. Throws 400 for what is wrong with it, and 403 when no rule grants the finished resource, when its
 * constraints do not hold, or when it would enter a chart that the caller cannot read. What changes nothing is not asked
 * about constraints and charts: it was admitted, and nothing will be written.
 */
export async function finishWrite(context: Context, charts: Charts, pending: Pending): Promise<Finished> {
  const { admission, id, written } = pending;
  let kept = keptFields(context, pending);
  let { hidden } = admission.fields;
  for (;;) {
    const taken = takenWith(pending, kept, hidden);
    const draft = await finishDraft(context, charts, {
      id,
      taken,
      current: admission.current,
      namedAccounts: namedAccounts(written, kept),
    });
    const rights = judgeFinished(context, admission, draft);
    // The rule that grants the finished resource may keep further fields, and then that is another resource. There are
    // only so many paths in a policy, and each time they become more.
    const more = union(kept, rights.fields.kept);
    hidden = union(hidden, rights.fields.hidden);
    if (more.length === kept.length) {
      const { current } = admission;
      const isUnchanged = current !== undefined && saysTheSame(draft, current, kept.length > 0);
      if (!isUnchanged || storesCredentials(draft) || !maySeeSameness(context, admission)) {
        rights.assertConstraints();
        await assertOwnCharts(context, charts, draft);
      }
      return { admission, draft, hidden, isUnchanged };
    }
    kept = more;
  }
}

/** A client's secret is stored elsewhere, so who sends one changes something although the text is the same. */
const storesCredentials = ({ credentials }: Draft): boolean => Object.keys(credentials).length > 0;

/**
 * Whether the caller may be told that a write says what is stored. Somebody who cannot read it could otherwise try one
 * content after the other, where constraints refuse all but the right one.
 */
const maySeeSameness = (context: Context, { before, current }: Admission): boolean =>
  before !== undefined ? mayRead(context, before) : current !== undefined && mayRead(context, judgedVersion(current));

/** The accounts that the request names, unless they keep their stored value. */
const namedAccounts = ({ namedAccounts: named }: Written, kept: readonly string[]): readonly string[] | undefined =>
  touchesAccounts(kept) ? undefined : named;

/** What keeps its stored value, as far as that does not depend on what is written. */
const keptFields = (context: Context, { admission, written }: Pending): readonly string[] =>
  union(union(admission.fields.kept, written.keep), fieldsOfAdministrators(context, admission.type));

/** What an admitted write is to become, as far as that is known before it is filed. Throws what is wrong with it. */
export function unfinished(context: Context, pending: Pending): Unfinished {
  const { admission, id, written } = pending;
  const kept = keptFields(context, pending);
  const taken = takenWith(pending, kept, admission.fields.hidden);
  return { id, taken, current: admission.current, namedAccounts: namedAccounts(written, kept) };
}

/**
 * Throws when a finished write refers to what it must not: 403 for a security context that the caller cannot read or set, 400
 * for references to nothing where the project has them checked. In a transaction this comes after the writes, because
 * they may refer to one another.
 */
export async function assertTargets(
  context: Context,
  scope: ReadingScope,
  { written }: Pick<Pending, 'written'>,
  { draft }: Finished,
): Promise<void> {
  await assertNamedContextReadable(context, scope, draft, written.text.value);
  // Only what the client has said: what it cannot see must not be told by an error.
  if (written.checksReferences) await assertReferences(context, scope, written.text.value);
}

/** Whether `assertTargets` has anything to look at. */
export const mayReferWrongly = ({ written }: Pick<Pending, 'written'>, { draft }: Finished): boolean =>
  written.checksReferences || draft.type === 'Binary';

/** Throws 400 when a finished write breaks a profile that it claims. */
export const assertClaims = (
  profiles: ProfileChecks,
  { admission: { interaction }, written }: Pending,
  { draft, hidden }: Finished,
): Promise<void> => profiles.assertKept({ interaction, written, draft, hidden });

/** Finishes a write that stands by itself; throws all that speaks against it. */
export async function finishAlone(context: Context, scope: ReadingScope, pending: Pending): Promise<Finished> {
  const finished = await finishWrite(context, new Charts(context, scope), pending);
  await assertClaims(new ProfileChecks(context, scope), pending, finished);
  await assertTargets(context, scope, pending, finished);
  return finished;
}

/**
 * What is written with what keeps its stored value in it, checked. Throws what is wrong with it, but nothing that only
 * values tell which the caller cannot see: what is not wrong with the caller's own text already is 403, and no more.
 */
function takenWith(pending: Pending, kept: readonly string[], hidden: readonly string[]): TakenResource {
  const { admission, written } = pending;
  const text = withKeptFields(pending, kept);
  if (admission.interaction === 'create' || hidden.length === 0) return written.taken(text);
  try {
    return written.taken(text);
  } catch (error) {
    if (!(error instanceof OutcomeError)) throw error;
    const own = new Set(issuesOf(() => written.taken()).map(issueKey));
    const known = error.issues.filter((issue) => own.has(issueKey(issue)));
    throw known.length === 0 ? forbidden() : new OutcomeError(error.category, known);
  }
}

const issueKey = ({ code, text, expression }: OutcomeError['issues'][number]): string =>
  JSON.stringify([code, text, expression]);

/** The issues that `work` is refused for. */
function issuesOf(work: () => unknown): OutcomeError['issues'] {
  try {
    work();
    return [];
  } catch (error) {
    if (error instanceof OutcomeError) return error.issues;
    throw error;
  }
}

/** The text that was written with what keeps its stored value in it; the text itself when nothing does. */
function withKeptFields({ admission, id, written }: Pending, kept: readonly string[]): ResourceText {
  const { text } = written;
  if (kept.length === 0) return text;
  const { type, interaction, current } = admission;
  const nothing = bodyText(type, id, { metaMembers: '', otherMembers: '' });
  const stored = interaction === 'update' && current !== undefined ? current.body : nothing;
  const { sentAccounts: _merged, ...merged } = readResource(keepFields(stored, bodyText(type, id, text), kept));
  // Accounts are no part of the text that was merged; who cannot see or change them says nothing about them.
  const { sentAccounts } = text;
  return sentAccounts === undefined || touchesAccounts(kept) ? merged : { ...merged, sentAccounts };
}

/** A resource as one text; what the server sets is not read again. */
const bodyText = (type: string, id: string, text: Pick<ResourceText, 'metaMembers' | 'otherMembers'>): string =>
  `${bodyHead(type, id)}0","lastUpdated":""${bodyTail(text)}`;

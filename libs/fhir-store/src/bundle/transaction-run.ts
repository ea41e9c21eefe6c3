import { badRequest, multipleMatches, notFound, preconditionFailed } from '#fhir';
import type { SearchRequest } from '#fhir-search';
import { uuidv7 } from '#platform';
import { subjectsOf } from '../audit/audit-subjects.js';
import { deleteMatchesIn, maxConditionalDeletes } from '../writing/conditional-delete.js';
import { conditionalRequest, criteriaKey, findMatch, lockCriteria } from '../writing/conditional.js';
import { admitPatch, lockMatch, patched, patchedView } from '../writing/patch-resource.js';
import type { ProjectSettings } from '../project-settings.js';
import { readingsOn } from '../reading/reading-scope.js';
import type { ReadingScope } from '../reading/reading-scope.js';
import { Readings } from '../reading/readings.js';
import type { Context } from '../rights/rights.js';
import { pendingMatch } from '../writing/single-writes.js';
import { lockCurrent } from '../sql/read.sql.js';
import type { CurrentVersion } from '../stored-version.js';
import { transactionTime, type Scope } from '../transaction.js';
import { admitUpdate, shownMatch } from '../rights/write-rights.js';
import { deleteLocked, type UpdateResult } from '../writing/writes.js';
import type { Written } from '../writing/written.js';
import { AnswerBudget } from './answer-budget.js';
import type { BundleContext } from './bundle-context.js';
import { isReading } from './bundle-entry.js';
import { carryOutReading, deletionEntry, updateEntry } from './carry-out.js';
import { assertProgress, findReference, usersOf, type References } from './conditional-references.js';
import { EntryWrites, pendingCreate, type EntryWrite } from './entry-writes.js';
import { versionEntry } from './response-entry.js';
import {
  inEntry,
  inEntryLater,
  isDirect,
  Links,
  readText,
  withLinks,
  type Step,
  type StepInteraction,
} from './transaction-step.js';
import { nextToWrite } from './write-order.js';

type StepOf<Kind extends StepInteraction['kind']> = Step & {
  readonly interaction: Extract<StepInteraction, { kind: Kind }>;
};

/**
 * One run of a transaction inside its database transaction. Whatever the order of the entries, they are carried out in
 * FHIR's: deletes, creates, updates and patches, readings (https://hl7.org/fhir/R4/http.html#trules).
 *
 * What does not depend on the answer to something else is sent together: all look-ups at once, all new resources in one
 * statement. Conditional references are resolved last, so that they find what the transaction itself has made: entries
 * without any are written first, then those whose references can be resolved, and so on.
 */
export class TransactionRun {
  private readonly assertTime = transactionTime();
  private readonly links: Links;
  private readonly readingScope: ReadingScope;
  private readonly writes: EntryWrites;
  /** What the conditional entries search for. */
  private readonly requests = new Map<Step, SearchRequest>();
  /** Conditional creates with the criteria of an earlier one, which makes the resource for them, by that one. */
  private readonly sameAs = new Map<Step, readonly Step[]>();
  /** `Type/id` of the resources that are updated, patched or deleted: each may be so once. */
  private readonly touched = new Set<string>();
  private locked = new Map<string, CurrentVersion>();
  private readonly budget = new AnswerBudget();

  constructor(
    private readonly context: Context,
    private readonly scope: Scope,
    private readonly settings: ProjectSettings,
    private readonly bundle: BundleContext,
    private readonly steps: readonly Step[],
  ) {
    this.links = new Links(context.tenant.version, steps);
    this.readingScope = readingsOn(scope);
    this.writes = new EntryWrites(context, scope, (step, work) => this.inTime(step, work));
  }

  /** The texts of the response entries. */
  async carryOut(): Promise<string[]> {
    await this.takeLocks();
    await this.together(this.stepsOf('delete'), (step) => this.delete(step));
    await this.inTurn(this.stepsOf('conditional-delete'), (step) => this.deleteMatches(step));
    await this.findConditionalCreates();
    await this.findAwaited();
    await this.writeContents();
    await this.writes.assertTargets();
    await this.readAll();
    return this.steps.map((step) => {
      if (step.answer === undefined) throw new Error(`Entry ${step.index} of the transaction has no answer.`);
      return step.answer;
    });
  }

  /** All locks that are known to be needed, in the order that every transaction takes them in. */
  private async takeLocks(): Promise<void> {
    for (const step of this.steps) {
      const request = inEntry(step.index, () => this.requestOf(step));
      if (request !== undefined) this.requests.set(step, request);
    }
    const identities = this.steps.flatMap(({ interaction }) => (isDirect(interaction) ? [interaction] : []));
    for (const { type, id } of identities) this.touched.add(`${type}/${id}`);
    const criteria = lockCriteria(this.scope, [...this.requests.values()]);
    [, this.locked] = await Promise.all([criteria, lockCurrent(this.scope.connection, identities)]);
  }

  private requestOf({ interaction }: Step): SearchRequest | undefined {
    const { kind } = interaction;
    if (kind === 'create' && interaction.ifNoneExist !== undefined) {
      return conditionalRequest(this.context, interaction.type, interaction.ifNoneExist);
    }
    if (kind === 'conditional-update' || kind === 'conditional-patch') {
      return conditionalRequest(this.context, interaction.type, interaction.query);
    }
    if (kind !== 'conditional-delete') return undefined;
    return conditionalRequest(this.context, interaction.type, interaction.query, maxConditionalDeletes);
  }

  private requestFor(step: Step): SearchRequest {
    const request = this.requests.get(step);
    if (request === undefined) throw new Error(`Entry ${step.index} of the transaction has no condition.`);
    return request;
  }

  private async delete(step: StepOf<'delete'>): Promise<void> {
    const { type, id } = step.interaction;
    const current = this.locked.get(`${type}/${id}`);
    const version = await deleteLocked(this.scope, this.context, current, step.interaction);
    this.answer(step, deletionEntry([version], this.bundle));
  }

  private async deleteMatches(step: StepOf<'conditional-delete'>): Promise<void> {
    const versions = await deleteMatchesIn(this.scope, this.context, this.requestFor(step), step.interaction);
    for (const { type, id } of versions) this.touch(`${type}/${id}`);
    this.answer(step, deletionEntry(versions, this.bundle));
  }

  /** Two entries with the same criteria mean the same resource, which the first of them makes. */
  private async findConditionalCreates(): Promise<void> {
    const groups = new Map<string, Step[]>();
    for (const step of this.stepsOf('create')) {
      if (step.interaction.ifNoneExist === undefined) continue;
      const key = criteriaKey(this.requestFor(step));
      groups.set(key, [...(groups.get(key) ?? []), step]);
    }
    const makers = [...groups.values()].flatMap(([maker, ...same]) => {
      if (maker !== undefined) this.sameAs.set(maker, same);
      return maker ?? [];
    });
    await this.together(makers, async (maker) => {
      const match = await findMatch(this.context, this.scope, this.requestFor(maker));
      const found = match && shownMatch(this.context, match);
      const id = found?.id ?? uuidv7();
      for (const step of [maker, ...(this.sameAs.get(maker) ?? [])]) {
        step.id = id;
        step.versionId = found?.versionId;
        if (found !== undefined) this.answer(step, versionEntry(200, found, this.bundle, this.bundle.returns));
      }
    });
  }

  /**
   * A conditional update or patch to which other entries have links must be found before those are written; then it
   * cannot mean a resource that this transaction makes.
   */
  private async findAwaited(): Promise<void> {
    await this.findTargets(this.steps.flatMap((step) => [...step.awaited]));
  }

  private async findTargets(awaited: readonly Step[]): Promise<void> {
    await this.together([...new Set(awaited)], async (step) => {
      if (step.id !== undefined) return;
      const match = await findMatch(this.context, this.scope, this.requestFor(step));
      if (match === undefined && step.patch !== undefined) throw notFound();
      // Patches look for theirs beside each other, so another one may have found it meanwhile.
      step.id ??= match?.id ?? step.written?.text.id ?? uuidv7();
    });
  }

  /** Carries out all entries that put something into the database, those with conditional references after the others. */
  private async writeContents(): Promise<void> {
    const followers = new Set([...this.sameAs.values()].flat());
    let open = this.steps.filter(
      (step) => !isReading(step.interaction) && step.answer === undefined && !followers.has(step),
    );
    let references: References = new Map();
    let isFirst = true;
    for (;;) {
      const next = nextToWrite(this.context.tenant, open, references, isFirst);
      await this.write(next, references);
      open = open.filter((step) => !next.includes(step));
      if (open.length === 0) return;
      isFirst = false;
      references = await this.resolve(open);
      assertProgress(open, references);
    }
  }

  /** What the conditional references of `steps` mean; those that find nothing are missing. Several matches: 412. */
  private async resolve(steps: readonly Step[]): Promise<References> {
    const references = new Map<string, string>();
    const find = async (condition: string): Promise<void> => {
      const reference = await findReference(this.context, this.scope, condition);
      if (reference !== undefined) references.set(condition, reference);
    };
    await Promise.all([...usersOf(steps)].map(([condition, user]) => this.inTime(user, () => find(condition))));
    return references;
  }

  /** Creates and plain updates go first; behind them what may find something that they make. */
  private async write(steps: readonly Step[], references: References): Promise<void> {
    const plain = await Promise.all(steps.map((step) => this.plainWrite(step, references)));
    await this.store(plain.filter((write) => write !== undefined));
    await this.updateMatches(ofKind(steps, 'conditional-update'), references);
    await this.together(ofKind(steps, 'patch'), (step) => this.patch(step));
    await this.inTurn(ofKind(steps, 'conditional-patch'), (step) => this.conditionalPatch(step));
  }

  private async plainWrite(step: Step, references: References): Promise<EntryWrite | undefined> {
    const { interaction } = step;
    if (interaction.kind !== 'create' && interaction.kind !== 'update') return undefined;
    return this.inTime(step, async () => {
      const written = this.contentOf(step, references);
      if (interaction.kind === 'create') return pendingCreate(step);
      const { type, id } = interaction;
      const current = this.locked.get(`${type}/${id}`);
      const admission = await admitUpdate(this.context, this.readingScope, type, current, interaction);
      return { step, pending: { admission, id, written } };
    });
  }

  /** What an entry wants to be stored, read again when it has links whose targets were not known before. */
  private contentOf(step: Step, references: References): Written {
    if (step.awaited.size > 0 || step.awaitedVersions.size > 0 || step.conditions.size > 0) {
      readText(this.context, this.settings, step, this.links, references);
    }
    if (step.written === undefined) throw new Error(`Entry ${step.index} of the transaction has no resource.`);
    return step.written;
  }

  private store(writes: readonly EntryWrite[]): Promise<void> {
    return this.writes.store(writes, (step, result) => this.answerWritten(step, result));
  }

  private answerWritten(step: Step, result: UpdateResult): void {
    this.answer(step, updateEntry(result, this.bundle));
    step.versionId = result.version.versionId;
    for (const same of this.sameAs.get(step) ?? []) {
      same.versionId = result.version.versionId;
      this.answer(same, versionEntry(200, result.version, this.bundle, this.bundle.returns));
    }
  }

  /**
   * All conditional updates are found before any is carried out, so that their order does not matter. A resource that one
   * of them makes must not be what another one's criteria find.
   */
  private async updateMatches(steps: readonly StepOf<'conditional-update'>[], references: References): Promise<void> {
    const writes = await Promise.all(
      steps.map((step) => this.inTime(step, () => this.conditionalWrite(step, references))),
    );
    await this.store(writes);
    const made = writes.filter(({ pending }) => pending.admission.current === undefined);
    await this.together(
      made.map(({ step }) => step),
      async (step) => {
        const match = await findMatch(this.context, this.scope, this.requestFor(step));
        if (match !== undefined && match.id !== step.id) throw multipleMatches();
      },
    );
  }

  private async conditionalWrite(step: StepOf<'conditional-update'>, references: References): Promise<EntryWrite> {
    const { interaction: conditions } = step;
    const request = this.requestFor(step);
    const match = await lockMatch(this.scope, this.context, request);
    if (step.id !== undefined && match !== undefined && match.id !== step.id) throw foundItsOwn();
    const newId = step.id ?? uuidv7();
    step.id ??= match?.id ?? step.written?.text.id ?? newId;
    this.touch(`${request.type}/${step.id}`);
    const written = this.contentOf(step, references);
    const pending = await pendingMatch(this.scope, this.context, { request, match, written, conditions, newId });
    return { step, pending };
  }

  private async conditionalPatch(step: StepOf<'conditional-patch'>): Promise<void> {
    const match = await lockMatch(this.scope, this.context, this.requestFor(step));
    if (match === undefined) throw notFound();
    if (step.id !== undefined && match.id !== step.id) throw foundItsOwn();
    this.touch(`${match.type}/${match.id}`);
    this.locked.set(`${match.type}/${match.id}`, match);
    step.id = match.id;
    return this.patch(step);
  }

  /** Links in what a patch adds are followed like those in a resource. */
  private async patch(step: StepOf<'patch' | 'conditional-patch'>): Promise<void> {
    const { patch, interaction } = step;
    if (patch === undefined) throw new Error(`Entry ${step.index} of the transaction has no patch.`);
    const { type } = interaction;
    const current = this.locked.get(`${type}/${step.id}`);
    const admission = await admitPatch(this.scope, this.context, { type, current, conditions: interaction });
    withLinks(step, this.links, patch(patchedView(admission)));
    // What a patch has links to is known only now.
    await this.findTargets([...step.awaited]);
    const references = step.conditions.size > 0 ? await this.resolve([step]) : undefined;
    if (references !== undefined) assertProgress([step], references);
    step.dropsVersions = true;
    const linked = (body: string) => withLinks(step, this.links, patch(body), references);
    await this.store([{ step, pending: patched(this.context, this.settings, admission, linked) }]);
  }

  private touch(identity: string): void {
    if (this.touched.has(identity)) throw badRequest('Another entry of the transaction is about the same resource');
    this.touched.add(identity);
  }

  /** In turn, because what they find is not to be in memory all at once when it is too much for one answer. */
  private async readAll(): Promise<void> {
    const readings = new Readings(this.context, this.readingScope);
    await this.inTurn(this.steps, async (step) => {
      const { interaction } = step;
      if (!isReading(interaction)) return;
      const read = carryOutReading(readings, this.context.tenant, interaction, this.bundle, (resources) => {
        step.subjects = subjectsOf(resources);
      });
      this.answer(step, await read);
    });
  }

  private answer(step: Step, text: string): void {
    this.budget.takeFitting(text);
    step.answer = text;
  }

  private stepsOf<Kind extends StepInteraction['kind']>(kind: Kind): StepOf<Kind>[] {
    return ofKind(this.steps, kind);
  }

  /** Work on entries that do not depend on one another: their statements travel together. */
  private async together<S extends Step>(steps: readonly S[], work: (step: S) => Promise<void>): Promise<void> {
    await Promise.all(steps.map((step) => this.inTime(step, () => work(step))));
  }

  /** Work on entries of which a later one may find what an earlier one has done. */
  private async inTurn<S extends Step>(steps: readonly S[], work: (step: S) => Promise<void>): Promise<void> {
    for (const step of steps) await this.inTime(step, () => work(step));
  }

  private inTime<T>(step: Step, work: () => Promise<T>): Promise<T> {
    return inEntryLater(step.index, () => {
      this.assertTime();
      return work();
    });
  }
}

const ofKind = <Kind extends StepInteraction['kind']>(steps: readonly Step[], kind: Kind): StepOf<Kind>[] =>
  steps.filter((step): step is StepOf<Kind> => step.interaction.kind === kind);

const foundItsOwn = () =>
  preconditionFailed('The criteria find a resource that this transaction makes, and other entries have links to it');

import { badRequest, multipleMatches, notFound, preconditionFailed, tooCostly } from '#fhir';
import type { SearchRequest } from '#fhir-search';
import { uuidv7 } from '#platform';
import { deleteMatchesIn, maxConditionalDeletes } from '../conditional-delete.js';
import { conditionalRequest, criteriaKey, findMatch, lockCriteria } from '../conditional.js';
import { decideUpdate } from '../decide-update.js';
import type { Draft } from '../draft.js';
import { lockMatch, patchLocked } from '../patch-resource.js';
import { Readings } from '../readings.js';
import { assertMatchedId, assertNotElsewhere } from '../resource-checks.js';
import { assertGranted, mayCreateByUpdate, type Context } from '../rights.js';
import { assertContextReadable } from '../readable-context.js';
import { lockCurrent } from '../sql/read.sql.js';
import type { CurrentVersion } from '../stored-version.js';
import { maxTransactionMs, transactionTooLong, type Scope } from '../transaction.js';
import { deleteLocked, insertWithCredentials, lockOne, updateLocked } from '../writes.js';
import { AnswerBudget } from './answer-budget.js';
import type { BundleContext } from './bundle-context.js';
import { isReading } from './bundle-entry.js';
import { carryOutReading, deletionEntry, updateEntry } from './carry-out.js';
import { assertProgress, findReference, unresolved, usersOf, type References } from './conditional-references.js';
import { versionEntry } from './response-entry.js';
import {
  draftOf,
  inEntry,
  inEntryLater,
  isDirect,
  Links,
  readText,
  withLinks,
  type Step,
  type StepInteraction,
} from './transaction-step.js';

type StepOf<Kind extends StepInteraction['kind']> = Step & {
  readonly interaction: Extract<StepInteraction, { kind: Kind }>;
};

/** A resource that is ready for the database: a new one, or what an update makes of `current`. */
interface Write {
  readonly step: Step;
  readonly draft: Draft;
  readonly update?: { readonly current: CurrentVersion | undefined; readonly ifMatch: string | undefined };
}

/**
 * One run of a transaction inside its database transaction. Whatever the order of the entries, they are carried out in
 * FHIR's: deletes, creates, updates and patches, readings (https://hl7.org/fhir/R4/http.html#trules).
 *
 * What does not depend on the answer to something else is sent together: all look-ups at once, all new resources in one
 * statement. Conditional references are resolved last, so that they find what the transaction itself has made: entries
 * without any are written first, then those whose references can be resolved, and so on.
 */
export class TransactionRun {
  private readonly deadline = performance.now() + maxTransactionMs;
  private readonly links: Links;
  private readonly readings: Readings;
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
    private readonly bundle: BundleContext,
    private readonly steps: readonly Step[],
  ) {
    this.links = new Links(steps);
    const run = <T>(work: (connection: Scope['connection']) => Promise<T>) => work(scope.connection);
    this.readings = new Readings(context, { epoch: scope.epoch, lookUp: run, run, snapshot: run });
  }

  /** The texts of the response entries. */
  async carryOut(): Promise<string[]> {
    await this.takeLocks();
    await this.together(this.stepsOf('delete'), (step) => this.delete(step));
    await this.inTurn(this.stepsOf('conditional-delete'), (step) => this.deleteMatches(step));
    await this.findConditionalCreates();
    await this.findAwaited();
    await this.writeContents();
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
    const { type, id, ifMatch } = step.interaction;
    const version = await deleteLocked(this.scope, this.context, this.locked.get(`${type}/${id}`), ifMatch);
    this.answer(step, deletionEntry([version], this.bundle));
  }

  private async deleteMatches(step: StepOf<'conditional-delete'>): Promise<void> {
    const versions = await deleteMatchesIn(this.scope, this.context, this.requestFor(step), step.interaction.ifMatch);
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
      const id = match?.id ?? uuidv7();
      for (const step of [maker, ...(this.sameAs.get(maker) ?? [])]) {
        step.id = id;
        if (match !== undefined) this.answer(step, versionEntry(200, match, this.bundle, this.bundle.returns));
      }
    });
  }

  /**
   * A conditional update or patch to which other entries have links must be found before those are written; then it
   * cannot mean a resource that this transaction makes.
   */
  private async findAwaited(): Promise<void> {
    const awaited = new Set(this.steps.flatMap((step) => [...step.awaited]));
    await this.together([...awaited], async (step) => {
      if (step.id !== undefined) return;
      const match = await findMatch(this.context, this.scope, this.requestFor(step));
      if (match === undefined && step.patch !== undefined) throw notFound();
      step.id = match?.id ?? step.taken?.text.id ?? uuidv7();
    });
  }

  /** Carries out all entries that put something into the database, those with conditional references after the others. */
  private async writeContents(): Promise<void> {
    const followers = new Set([...this.sameAs.values()].flat());
    let open = this.steps.filter(
      (step) => !isReading(step.interaction) && step.answer === undefined && !followers.has(step),
    );
    let references: References = new Map();
    for (;;) {
      const ready = open.filter((step) => unresolved(step, references) === undefined);
      await this.write(ready, references);
      open = open.filter((step) => !ready.includes(step));
      if (open.length === 0) return;
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
    const plain = steps.flatMap((step) => inEntry(step.index, () => this.plainWrite(step, references) ?? []));
    await this.store(plain);
    await this.updateMatches(ofKind(steps, 'conditional-update'), references);
    await this.together(ofKind(steps, 'patch'), (step) => this.patch(step));
    await this.inTurn(ofKind(steps, 'conditional-patch'), (step) => this.conditionalPatch(step));
  }

  private plainWrite(step: Step, references: References): Write | undefined {
    this.assertTime();
    const { interaction } = step;
    if (interaction.kind === 'create') return { step, draft: this.draft(step, references) };
    if (interaction.kind !== 'update') return undefined;
    const current = this.locked.get(`${interaction.type}/${interaction.id}`);
    return { step, draft: this.draft(step, references), update: { current, ifMatch: interaction.ifMatch } };
  }

  /** New resources go to the database in one statement, and new versions of others along with it. */
  private async store(writes: readonly Write[]): Promise<void> {
    const inserts = writes.filter((write) => inEntry(write.step.index, () => this.isInsert(write)));
    const replacements = writes.filter((write) => !inserts.includes(write));
    await Promise.all([this.insert(inserts), ...replacements.map((write) => this.replace(write))]);
  }

  private isInsert({ draft, update }: Write): boolean {
    if (update === undefined) return true;
    const mayCreate = mayCreateByUpdate(this.context, draft.type);
    return decideUpdate({ ...update, draft, mayCreate }) === 'insert';
  }

  /** The draft of an entry, read again when it has links whose targets were not known before. */
  private draft(step: Step, references: References): Draft {
    if (step.awaited.size > 0 || step.conditions.size > 0) readText(this.context, step, this.links, references);
    return draftOf(this.context, step);
  }

  private async insert(inserts: readonly Write[]): Promise<void> {
    if (inserts.length === 0) return;
    const drafts = inserts.map(({ draft }) => draft);
    const versions = await insertWithCredentials(this.scope, this.context, drafts);
    inserts.forEach(({ step }, position) => {
      const version = versions[position];
      if (version === undefined) throw new Error('The insert statement returned too few versions.');
      const answer = (status: 200 | 201) => versionEntry(status, version, this.bundle, this.bundle.returns);
      this.answer(step, answer(201));
      for (const same of this.sameAs.get(step) ?? []) this.answer(same, answer(200));
    });
  }

  private async replace({ step, draft, update }: Write): Promise<void> {
    await this.inTime(step, async () => {
      const result = await updateLocked(this.scope, this.context, update?.current, draft, update?.ifMatch);
      this.answer(step, updateEntry(result, this.bundle));
    });
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
    const made = writes.filter(({ update }) => update?.current === undefined).map(({ step }) => step);
    await this.together(made, async (step) => {
      const match = await findMatch(this.context, this.scope, this.requestFor(step));
      if (match !== undefined && match.id !== step.id) throw multipleMatches();
    });
  }

  private async conditionalWrite(step: StepOf<'conditional-update'>, references: References): Promise<Write> {
    const { type, ifMatch } = step.interaction;
    const match = await lockMatch(this.scope, this.context, this.requestFor(step));
    if (step.id !== undefined && match !== undefined && match.id !== step.id) throw foundItsOwn();
    const ownId = step.taken?.text.id;
    if (step.taken !== undefined) assertMatchedId(step.taken.text, match);
    step.id ??= match?.id ?? ownId ?? uuidv7();
    this.touch(`${type}/${step.id}`);
    const draft = this.draft(step, references);
    if (match === undefined && ownId === undefined) {
      assertGranted(this.context, 'create', type);
      return { step, draft };
    }
    const current = match ?? (await lockOne(this.scope, type, step.id));
    assertNotElsewhere(match, current);
    return { step, draft, update: { current, ifMatch } };
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
    const current = this.locked.get(`${interaction.type}/${step.id}`);
    await assertContextReadable(this.context, this.scope, current);
    if (current !== undefined && !current.deleted) withLinks(step, this.links, patch(current.body));
    const references = step.conditions.size > 0 ? await this.resolve([step]) : undefined;
    if (references !== undefined) assertProgress([step], references);
    const linked = (body: string) => withLinks(step, this.links, patch(body), references);
    const result = await patchLocked(this.scope, this.context, current, linked, interaction.ifMatch);
    this.answer(step, updateEntry(result, this.bundle));
  }

  private touch(identity: string): void {
    if (this.touched.has(identity)) throw badRequest(`The resource ${identity} stands twice in the transaction`);
    this.touched.add(identity);
  }

  /** In turn, because what they find is not to be in memory all at once when it is too much for one answer. */
  private async readAll(): Promise<void> {
    await this.inTurn(this.steps, async (step) => {
      const { interaction } = step;
      if (!isReading(interaction)) return;
      this.answer(step, await carryOutReading(this.readings, this.context.tenant, interaction, this.bundle));
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

  private assertTime(): void {
    if (performance.now() > this.deadline) throw tooCostly(transactionTooLong);
  }
}

const ofKind = <Kind extends StepInteraction['kind']>(steps: readonly Step[], kind: Kind): StepOf<Kind>[] =>
  steps.filter((step): step is StepOf<Kind> => step.interaction.kind === kind);

const foundItsOwn = () =>
  preconditionFailed('The criteria find a resource that this transaction makes, and other entries have links to it');

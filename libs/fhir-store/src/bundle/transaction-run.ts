import { badRequest, preconditionFailed, tooCostly } from '#fhir';
import type { SearchRequest } from '#fhir-search';
import { uuidv7 } from '#platform';
import { conditionalRequest, criteriaKey, findMatch, lockCriteria } from '../conditional.js';
import type { Draft } from '../draft.js';
import { Readings } from '../readings.js';
import { assertMatchedId } from '../resource-checks.js';
import { assertGranted, type Context } from '../rights.js';
import { lockCurrent } from '../sql/read.sql.js';
import type { CurrentVersion, StoredVersion } from '../stored-version.js';
import { maxTransactionMs, transactionTooLong, type Scope } from '../transaction.js';
import { deleteLocked, insertWithCredentials, lockOne, updateLocked, type UpdateResult } from '../writes.js';
import type { BundleContext } from './bundle-context.js';
import type { EntryInteraction } from './bundle-entry.js';
import { carryOutReading, isReading } from './carry-out.js';
import { versionEntry } from './response-entry.js';
import { draftOf, inEntryLater, Links, readText, type Step } from './transaction-step.js';

type StepOf<Kind extends EntryInteraction['kind']> = Step & {
  readonly interaction: Extract<EntryInteraction, { kind: Kind }>;
};

/**
 * One run of a transaction inside its database transaction. Whatever the order of the entries, they are carried out in
 * FHIR's: deletes, creates, updates, readings (https://hl7.org/fhir/R4/http.html#trules).
 *
 * New resources wait and go to the database together in one statement. A conditional interaction or reference that could
 * find one of those that wait has them written first, so it also finds what the same transaction made before it.
 */
export class TransactionRun {
  private readonly deadline = performance.now() + maxTransactionMs;
  private readonly links: Links;
  private readonly readings: Readings;
  /** Resources to be made that are not in the database yet. */
  private waiting: { step: Step; draft: Draft }[] = [];
  /** Answers of conditional creates whose resource an earlier entry of the same criteria makes, by that entry. */
  private readonly sameAs = new Map<Step, Step[]>();
  /** What conditional references have been found to mean; forgotten for a type when more of it is written. */
  private readonly resolved = new Map<string, { type: string; reference: string }>();
  /** `Type/id` of the resources that are updated or deleted: each may be so once. */
  private readonly touched = new Set<string>();
  private locked = new Map<string, CurrentVersion>();

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
    await this.each('delete', (step) => this.delete(step));
    await this.each('create', (step) => this.findConditionalCreate(step));
    await this.each('conditional-update', (step) => this.findAwaitedUpdate(step));
    await this.each('create', (step) => this.create(step));
    await this.each('update', (step) => this.update(step));
    await this.each('conditional-update', (step) => this.conditionalUpdate(step));
    await this.writeWaiting();
    for (const step of this.steps) await this.readIfReading(step);
    return this.steps.map((step) => {
      if (step.answer === undefined) throw new Error(`Entry ${step.index} of the transaction has no answer.`);
      return step.answer;
    });
  }

  /** All locks that are known to be needed, in the order that every transaction takes them in. */
  private async takeLocks(): Promise<void> {
    const requests: SearchRequest[] = [];
    await this.each('create', async ({ interaction: { type, ifNoneExist } }) => {
      if (ifNoneExist !== undefined) requests.push(conditionalRequest(this.context, type, ifNoneExist));
    });
    await this.each('conditional-update', async ({ interaction: { type, query } }) => {
      requests.push(conditionalRequest(this.context, type, query));
    });
    await lockCriteria(this.scope, requests);
    const identities = this.steps.flatMap(({ interaction }) =>
      interaction.kind === 'update' || interaction.kind === 'delete' ? [interaction] : [],
    );
    this.locked = await lockCurrent(this.scope.connection, identities);
    for (const { type, id } of identities) this.touched.add(`${type}/${id}`);
  }

  private async delete(step: StepOf<'delete'>): Promise<void> {
    const { type, id, ifMatch } = step.interaction;
    const version = await deleteLocked(this.scope, this.context, this.locked.get(`${type}/${id}`), ifMatch);
    step.answer = versionEntry(200, version, this.bundle);
  }

  /** Two entries with the same criteria mean the same resource, which the first of them makes. */
  private readonly makers = new Map<string, Step>();

  private async findConditionalCreate(step: StepOf<'create'>): Promise<void> {
    const { type, ifNoneExist } = step.interaction;
    if (ifNoneExist === undefined) return;
    const request = conditionalRequest(this.context, type, ifNoneExist);
    const maker = this.makers.get(criteriaKey(request));
    if (maker !== undefined) {
      step.id = maker.id;
      this.sameAs.set(maker, [...(this.sameAs.get(maker) ?? []), step]);
      return;
    }
    const match = await findMatch(this.context, this.scope, request);
    if (match === undefined) this.makers.set(criteriaKey(request), step);
    else step.answer = versionEntry(200, match, this.bundle);
    step.id = match?.id ?? uuidv7();
  }

  /**
   * A conditional update to which other entries have links must be found before those are written; then it cannot mean a
   * resource that this transaction makes.
   */
  private async findAwaitedUpdate(step: StepOf<'conditional-update'>): Promise<void> {
    if (!this.isAwaited(step)) return;
    const request = conditionalRequest(this.context, step.interaction.type, step.interaction.query);
    step.id = (await findMatch(this.context, this.scope, request))?.id ?? step.taken?.text.id ?? uuidv7();
  }

  private isAwaited(step: Step): boolean {
    return this.steps.some((other) => other.awaited.has(step));
  }

  private async create(step: StepOf<'create'>): Promise<void> {
    // Found by its criteria, or made by an earlier entry with the same ones.
    if (step.answer !== undefined || [...this.sameAs.values()].some((same) => same.includes(step))) return;
    await this.closeLinks(step);
    this.waiting.push({ step, draft: draftOf(this.context, step) });
  }

  private async update(step: StepOf<'update'>): Promise<void> {
    await this.closeLinks(step);
    const { type, id, ifMatch } = step.interaction;
    await this.put(step, this.locked.get(`${type}/${id}`), ifMatch);
  }

  private async conditionalUpdate(step: StepOf<'conditional-update'>): Promise<void> {
    const { type, query, ifMatch } = step.interaction;
    await this.closeLinks(step);
    await this.writeWaiting(type);
    const match = await findMatch(this.context, this.scope, conditionalRequest(this.context, type, query));
    if (step.taken !== undefined) assertMatchedId(step.taken.text, match);
    if (step.id !== undefined && match !== undefined && match.id !== step.id) {
      throw preconditionFailed(
        'The criteria find a resource that this transaction makes, and other entries have links to it',
      );
    }
    const isNew = match === undefined && step.taken?.text.id === undefined;
    step.id ??= match?.id ?? step.taken?.text.id ?? uuidv7();
    this.touch(`${type}/${step.id}`);
    if (!isNew) return this.put(step, await lockOne(this.scope, type, step.id), ifMatch);
    assertGranted(this.context, 'create', type);
    this.waiting.push({ step, draft: draftOf(this.context, step) });
  }

  private async put(step: Step, current: CurrentVersion | undefined, ifMatch: string | undefined): Promise<void> {
    const draft = draftOf(this.context, step);
    const result: UpdateResult = await updateLocked(this.scope, this.context, current, draft, ifMatch);
    this.forgetResolved([draft.type]);
    step.answer = versionEntry(result.created ? 201 : 200, result.version, this.bundle);
  }

  private touch(identity: string): void {
    if (this.touched.has(identity)) throw badRequest(`The resource ${identity} stands twice in the transaction`);
    this.touched.add(identity);
  }

  /** Reads the resource again when it has links whose targets were not known before. */
  private async closeLinks(step: Step): Promise<void> {
    if (step.awaited.size === 0 && step.conditions.size === 0) return;
    const references = new Map<string, string>();
    for (const condition of step.conditions) references.set(condition, await this.resolve(condition));
    readText(this.context, step, this.links, references);
  }

  /** What a conditional reference means; exactly one resource must match. */
  private async resolve(condition: string): Promise<string> {
    const [type = '', ...query] = condition.split('?');
    await this.writeWaiting(type);
    const known = this.resolved.get(condition);
    if (known !== undefined) return known.reference;
    const match = await findMatch(this.context, this.scope, conditionalRequest(this.context, type, query.join('?')));
    if (match === undefined) throw badRequest(`The conditional reference ${condition} finds no resource`);
    const reference = `${type}/${match.id}`;
    this.resolved.set(condition, { type, reference });
    return reference;
  }

  /** Writes the new resources that wait, all in one statement; with a type only if one of that type is among them. */
  private async writeWaiting(onlyIfAny?: string): Promise<void> {
    const { waiting } = this;
    if (waiting.length === 0) return;
    if (onlyIfAny !== undefined && !waiting.some(({ draft }) => draft.type === onlyIfAny)) return;
    this.waiting = [];
    const drafts = waiting.map(({ draft }) => draft);
    const versions = await insertWithCredentials(this.scope, this.context, drafts);
    this.forgetResolved(drafts.map(({ type }) => type));
    waiting.forEach(({ step }, position) => this.answerMade(step, versions[position] as StoredVersion));
  }

  private answerMade(step: Step, version: StoredVersion): void {
    step.answer = versionEntry(201, version, this.bundle);
    for (const same of this.sameAs.get(step) ?? []) same.answer = versionEntry(200, version, this.bundle);
  }

  private forgetResolved(types: readonly string[]): void {
    for (const [condition, { type }] of this.resolved) if (types.includes(type)) this.resolved.delete(condition);
  }

  private async readIfReading(step: Step): Promise<void> {
    const { interaction } = step;
    if (!isReading(interaction)) return;
    step.answer = await this.inTime(step, () =>
      carryOutReading(this.readings, this.context.tenant, interaction, this.bundle),
    );
  }

  /** Carries out one kind of entries, in their order. */
  private async each<Kind extends EntryInteraction['kind']>(
    kind: Kind,
    work: (step: StepOf<Kind>) => Promise<void>,
  ): Promise<void> {
    for (const step of this.steps) {
      if (step.interaction.kind === kind) await this.inTime(step, () => work(step as StepOf<Kind>));
    }
  }

  private inTime<T>(step: Step, work: () => Promise<T>): Promise<T> {
    return inEntryLater(step.index, async () => {
      if (performance.now() > this.deadline) {
        throw tooCostly(transactionTooLong);
      }
      return work();
    });
  }
}

/**
 * What can be done for a transaction before its database transaction begins: read every entry, check rights, give new
 * resources their ids, follow the links between entries, validate, and make drafts. The write lock that a transaction
 * holds keeps changes of rights waiting, so nothing of this happens under it that need not.
 */
import { setImmediate } from 'node:timers/promises';
import { badRequest, notSupported, OutcomeError, readResource, type FhirVersion, type ResourcePatch } from '#fhir';
import type { Interaction } from '#access-policy';
import { uuidv7 } from '#platform';
import type { ProjectSettings } from '../project-settings.js';
import { assertIdentity, assertType } from '../writing/resource-checks.js';
import { assertGranted, type Context } from '../rights/rights.js';
import { readWritten, type Written } from '../writing/written.js';
import type { RawEntry } from './batch.js';
import type { BundleContext } from './bundle-context.js';
import {
  isReading,
  readEntry,
  type BundleEntry,
  type EntryInteraction,
  type OperationInteraction,
  type ReadingInteraction,
  type WritingInteraction,
} from './bundle-entry.js';
import { entryPatch } from './entry-patch.js';
import { baseOfFullUrl, hasConditionalReference, rewriteLinks, type LinkPlace, type LinkTarget } from './links.js';

/** One entry on its way through a transaction. */
export interface Step extends BundleEntry {
  readonly interaction: StepInteraction;
  readonly index: number;
  /** What an entry that patches does to the resource. */
  readonly patch: ResourcePatch | undefined;
  /** The id of the resource that the entry is about, once it is known. */
  id: string | undefined;
  /** The resource with all links that were known when it was read; undefined for entries without one. */
  written: Written | undefined;
  /** Entries to which the text has links that could not be followed, because their ids were not known. */
  readonly awaited: Set<Step>;
  /** Entries of which the text names the version that they make, as far as it was not known. */
  readonly awaitedVersions: Set<Step>;
  /** The number of the version that the entry made or found, once it is known. */
  versionId: string | undefined;
  /** Two entries cannot each know the other's version: whoever comes first loses it from its links. */
  dropsVersions: boolean;
  /** The conditional references in the text. */
  readonly conditions: Set<string>;
  /** The text of the response entry. */
  answer: string | undefined;
  /** Whose data an entry that reads has shown, for the audit. */
  subjects?: string;
}

/** What an entry of a transaction may ask for: anything but an operation, which is not bound to a transaction. */
export type StepInteraction = WritingInteraction | ReadingInteraction;

const interactionOf = {
  create: 'create',
  update: 'update',
  'conditional-update': 'update',
  patch: 'update',
  'conditional-patch': 'update',
  delete: 'delete',
  'conditional-delete': 'delete',
  read: 'read',
  vread: 'vread',
  history: 'history',
} as const satisfies Record<Exclude<StepInteraction['kind'], 'search'>, Interaction>;

/** How many entries are read before others get their turn. */
const readInARow = 200;

/**
 * Reads the entries and checks what can be checked without the database. Others get their turn meanwhile, because there may
 * be thousands. Throws the first problem with its entry.
 */
export async function readSteps(
  context: Context,
  settings: ProjectSettings,
  entries: readonly RawEntry[],
  bundle: BundleContext,
): Promise<Step[]> {
  const steps: Step[] = [];
  await inTurns(entries, (entry, index) => steps.push(inEntry(index, () => readStep(context, entry, index, bundle))));
  assertDistinct(steps, 'fullUrl', (step) => step.fullUrl);
  assertDistinct(steps, 'resource', ({ interaction }) =>
    isDirect(interaction) ? `${interaction.type}/${interaction.id}` : undefined,
  );
  const links = new Links(context.tenant.version, steps);
  await inTurns(steps, (step) => inEntry(step.index, () => readText(context, settings, step, links)));
  return steps;
}

async function inTurns<Item>(items: readonly Item[], work: (item: Item, index: number) => unknown): Promise<void> {
  for (const [index, item] of items.entries()) {
    if (index > 0 && index % readInARow === 0) await setImmediate();
    work(item, index);
  }
}

function readStep(context: Context, { entry, resource }: RawEntry, index: number, bundle: BundleContext): Step {
  const read = readEntry(context.tenant.version, bundle.baseUrl, entry, resource);
  const interaction = assertBound(read.interaction);
  // What goes over several types is narrowed to those that are granted when it is carried out.
  if (interaction.kind !== 'search' && interaction.type !== undefined) {
    assertGranted(context, interactionOf[interaction.kind], interaction.type);
  }
  return {
    fullUrl: read.fullUrl,
    resource: read.resource,
    interaction,
    index,
    patch: isPatching(interaction) ? entryPatch(context.tenant.version, read.resource) : undefined,
    id: knownId(interaction),
    written: undefined,
    awaited: new Set(),
    awaitedVersions: new Set(),
    versionId: undefined,
    dropsVersions: false,
    conditions: new Set(),
    answer: undefined,
  };
}

function assertBound(interaction: EntryInteraction): Exclude<EntryInteraction, OperationInteraction> {
  if (interaction.kind !== 'operation') return interaction;
  throw notSupported(`${interaction.name} is not supported in a transaction; send it in a batch or by itself`);
}

const isPatching = ({ kind }: StepInteraction): boolean => kind === 'patch' || kind === 'conditional-patch';

/** Whether the entry changes the resource that its URL names. */
export const isDirect = (
  interaction: StepInteraction,
): interaction is Extract<StepInteraction, { kind: 'update' | 'patch' | 'delete' }> =>
  interaction.kind === 'update' || interaction.kind === 'patch' || interaction.kind === 'delete';

function knownId(interaction: StepInteraction): string | undefined {
  if (interaction.kind === 'create') return interaction.ifNoneExist === undefined ? uuidv7() : undefined;
  return isDirect(interaction) ? interaction.id : undefined;
}

/** A transaction must not touch one resource twice (https://hl7.org/fhir/R4/http.html#trules). */
function assertDistinct(steps: readonly Step[], what: string, keyOf: (step: Step) => string | undefined): void {
  const seen = new Set<string>();
  for (const step of steps) {
    const key = keyOf(step);
    if (key === undefined) continue;
    if (seen.has(key)) throw inEntryError(step.index, badRequest(`The ${what} ${key} stands twice in the transaction`));
    seen.add(key);
  }
}

/** Entries that stand for one resource, so that others can have links to it. */
type LinkedInteraction = Exclude<WritingInteraction, { kind: 'conditional-delete' }>;

const isLinked = (step: Step): step is Step & { readonly interaction: LinkedInteraction } =>
  !isReading(step.interaction) && step.interaction.kind !== 'conditional-delete';

type LinkedStep = Step & { readonly interaction: LinkedInteraction };

/** Where the fullUrls of a transaction's entries lead to. */
export class Links {
  /** Whether there are entries whose fullUrl is an address, and no `urn:…`. */
  readonly haveAddresses: boolean;
  private readonly targets = new Map<string, LinkedStep>();

  constructor(
    readonly version: FhirVersion,
    steps: readonly Step[],
  ) {
    for (const step of steps) if (step.fullUrl !== undefined && isLinked(step)) this.targets.set(step.fullUrl, step);
    this.haveAddresses = [...this.targets.keys()].some((fullUrl) => !fullUrl.startsWith('urn:'));
  }

  get isEmpty(): boolean {
    return this.targets.size === 0;
  }

  /** The links as seen from an entry: a relative one also means the fullUrl that starts with the entry's own base. */
  seenFrom(from: Step): (link: string) => LinkTarget | undefined {
    const base = baseOfFullUrl(from.fullUrl);
    return (link) => {
      const target =
        this.targets.get(link) ?? (base !== undefined && isRelative(link) ? this.targets.get(base + link) : undefined);
      if (target === undefined) return undefined;
      return {
        isMeantIn: (place) => this.isMeantIn(place, target),
        address: (isVersioned) => addressOf(target, from, isVersioned),
      };
    };
  }

  /**
   * A `urn:…` that an entry has for its fullUrl is nothing but a link. An address can also be what a resource is called by
   * everybody (ValueSet.url and whoever names the value set), so it is a link where FHIR refers to resources and, for an
   * entry whose id is not what the address says, where people are sent to what has no such name.
   */
  private isMeantIn(place: LinkPlace, { fullUrl = '', interaction }: LinkedStep): boolean {
    if (place === 'reference' || fullUrl.startsWith('urn:')) return true;
    if (place === 'uri' || !getsId(interaction)) return false;
    return place === 'narrative' || !this.version.structure(interaction.type)?.some(({ name }) => name === 'url');
  }
}

const isRelative = (link: string): boolean => !link.includes(':');

/** Whether the server says under which id the resource of the entry is. */
const getsId = ({ kind }: LinkedInteraction): boolean => kind !== 'update' && kind !== 'patch' && kind !== 'delete';

/** The address of the entry's resource, and of the version of it that the transaction makes. */
function addressOf(target: LinkedStep, from: Step, isVersioned: boolean): string | undefined {
  // Where the id stays, so do the versions that it had before.
  if (isVersioned && !getsId(target.interaction)) return undefined;
  const awaitsVersion = isVersioned && target.versionId === undefined && !from.dropsVersions && target !== from;
  if (awaitsVersion) from.awaitedVersions.add(target);
  if (target.id === undefined) from.awaited.add(target);
  if (target.id === undefined || awaitsVersion) return undefined;
  const address = `${target.interaction.type}/${target.id}`;
  return isVersioned && target.versionId !== undefined ? `${address}/_history/${target.versionId}` : address;
}

/**
 * Reads and checks the resource of a step with the links as they are known now; `references` tells what its conditional
 * references mean, when that has been found out.
 */
export function readText(
  context: Context,
  settings: ProjectSettings,
  step: Step,
  links: Links,
  references?: ReadonlyMap<string, string>,
): void {
  const { interaction, resource } = step;
  if (!hasContent(interaction)) return;
  const text = readResource(withLinks(step, links, resource, references));
  if (interaction.kind === 'update') assertIdentity(text, interaction.type, interaction.id);
  else assertType(text, interaction.type);
  const namedAccounts = interaction.kind === 'create' ? interaction.accounts : undefined;
  step.written = readWritten(context, settings, interactionOf[interaction.kind], text, { namedAccounts });
}

/** Whether the entry's resource is what is to be stored. */
const hasContent = (
  interaction: StepInteraction,
): interaction is Extract<StepInteraction, { kind: 'create' | 'update' | 'conditional-update' }> =>
  interaction.kind === 'create' || interaction.kind === 'update' || interaction.kind === 'conditional-update';

/** `resource`, a text in normal form, with its links as they are known now; like `readText` it notes what is not known. */
export function withLinks(
  step: Step,
  links: Links,
  resource: string,
  references?: ReadonlyMap<string, string>,
): string {
  if (links.isEmpty && !hasConditionalReference(resource)) return resource;
  return rewriteLinks(links.version, resource, {
    haveAddresses: links.haveAddresses,
    find: links.seenFrom(step),
    resolveCondition: (condition) => {
      step.conditions.add(condition);
      return references?.get(condition);
    },
  });
}

/** Runs `work` for an entry and names the entry in the OutcomeError that it may throw. */
export function inEntry<T>(index: number, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw inEntryError(index, error);
  }
}

/** The same for work that takes time. */
export async function inEntryLater<T>(index: number, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw inEntryError(index, error);
  }
}

/**
 * Errors keep their category; their texts and paths are led back to the entry, counted from 0. One that names an entry
 * already has come up while another entry waited for that one.
 */
function inEntryError(index: number, error: unknown): unknown {
  if (!(error instanceof OutcomeError) || entries.has(error)) return error;
  const place = `Bundle.entry[${index}]`;
  const issues = error.issues.map((issue) => ({
    ...issue,
    text: `${place}: ${issue.text}`,
    expression: issue.expression?.map((path) => withinEntry(place, path)) ?? [place],
  }));
  const inEntry = new OutcomeError(error.category, issues, { cause: error });
  entries.set(inEntry, index);
  return inEntry;
}

const entries = new WeakMap<object, number>();

/** The number, from 0, of the entry by which a transaction has failed; undefined when it was none of them. */
export const failedEntry = (error: unknown): number | undefined =>
  typeof error === 'object' && error !== null ? entries.get(error) : undefined;

/** `Patient.name[0]` lies in the entry's resource; what starts with a small letter, in the entry's request. */
function withinEntry(place: string, path: string): string {
  if (/^[A-Z][A-Za-z]*(?:\.|$)/.test(path)) return `${place}.resource${path.replace(/^[A-Za-z]+/, '')}`;
  return path.startsWith('request') ? `${place}.${path}` : place;
}

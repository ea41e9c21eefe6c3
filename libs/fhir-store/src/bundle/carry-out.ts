import type { ResourcePatch, ResourceText } from '#fhir';
import { parseSearchAt, shownPartsOf, type SearchRequest } from '#fhir-search';
import type { AuditedResource } from '../audit/audit-subjects.js';
import { historyBundle } from '../history/history-bundle.js';
import { historyRequest, type HistoryRequest } from '../history/history-request.js';
import type { HistoryResult } from '../history/read-history.js';
import { inParts } from '../reading/in-parts.js';
import { isUnchanged } from '../reading/modified-since.js';
import type { WriteConditions } from '../writing/decide-update.js';
import { assertType } from '../writing/resource-checks.js';
import type { SearchResult } from '../search/search.js';
import type { CreateResult } from '../writing/single-writes.js';
import type { StoredVersion } from '../stored-version.js';
import type { TenantDatabase } from '../tenant-database.js';
import type { UpdateResult } from '../writing/writes.js';
import type { BundleContext } from './bundle-context.js';
import type { ReadingInteraction, WritingInteraction } from './bundle-entry.js';
import { resourceEntry, versionEntry } from './response-entry.js';
import { searchsetBundle } from './result-bundles.js';

/** The part of a repository that reading entries use. */
export interface ReadingInteractions {
  read(type: string, id: string): Promise<StoredVersion>;
  readVersion(type: string, id: string, versionId: string): Promise<StoredVersion>;
  history(request: HistoryRequest): Promise<HistoryResult>;
  search(request: SearchRequest): Promise<SearchResult>;
}

/** The part of a repository that entries of a batch use. */
export interface Interactions extends ReadingInteractions {
  create(text: ResourceText, options?: { ifNoneExist?: string; accounts?: readonly string[] }): Promise<CreateResult>;
  update(type: string, id: string, text: ResourceText, options?: WriteConditions): Promise<UpdateResult>;
  conditionalUpdate(type: string, query: string, text: ResourceText, options?: WriteConditions): Promise<UpdateResult>;
  patch(type: string, id: string, patch: ResourcePatch, options?: WriteConditions): Promise<UpdateResult>;
  conditionalPatch(type: string, query: string, patch: ResourcePatch, options?: WriteConditions): Promise<UpdateResult>;
  delete(type: string, id: string, options?: WriteConditions): Promise<StoredVersion>;
  conditionalDelete(type: string, query: string, options?: WriteConditions): Promise<StoredVersion[]>;
}

/**
 * Carries out an entry that changes nothing and returns the text of its response entry. `onShown` is told of the resources
 * in it.
 */
export async function carryOutReading(
  interactions: ReadingInteractions,
  tenant: TenantDatabase,
  interaction: ReadingInteraction,
  bundle: BundleContext,
  onShown: (resources: Iterable<AuditedResource>) => void,
): Promise<string> {
  const shown = interaction.head ? 'OperationOutcome' : 'representation';
  const parts = (version: StoredVersion, { query }: { readonly query?: string }) =>
    query === undefined
      ? version
      : inParts(tenant.version, version, shownPartsOf(tenant.version, version.type, query, bundle.handling));
  const whole = (text: string) => resourceEntry(interaction.head ? undefined : text);
  switch (interaction.kind) {
    case 'read': {
      const version = await interactions.read(interaction.type, interaction.id);
      onShown([version]);
      return versionEntry(isUnchanged(interaction, version) ? 304 : 200, parts(version, interaction), bundle, shown);
    }
    case 'vread': {
      const version = await interactions.readVersion(interaction.type, interaction.id, interaction.versionId);
      onShown([version]);
      return versionEntry(200, parts(version, interaction), bundle, shown);
    }
    case 'history': {
      const request = historyRequest(interaction, interaction.query, bundle);
      const result = await interactions.history(request);
      onShown(result.versions);
      return whole(historyBundle(request, result, bundle));
    }
    case 'search': {
      const { ownBaseUrls } = tenant;
      const options = { handling: bundle.handling, ...(ownBaseUrls ? { ownBaseUrls } : {}) };
      const request = parseSearchAt(tenant.version, interaction.path, interaction.query, options);
      const result = await interactions.search(request);
      onShown([...result.hits, ...result.included]);
      return whole(searchsetBundle(request, result, bundle));
    }
  }
}

/** What the resource of an entry that writes is read as. */
export interface EntryContent {
  text(): ResourceText;
  patch(): ResourcePatch;
}

/** Carries out an entry that writes, as a request of its own, and returns the text of its response entry. */
export async function carryOutWriting(
  interactions: Interactions,
  interaction: WritingInteraction,
  content: EntryContent,
  bundle: BundleContext,
): Promise<string> {
  const { type } = interaction;
  switch (interaction.kind) {
    case 'create': {
      const text = content.text();
      assertType(text, type);
      const { version, created } = await interactions.create(text, interaction);
      return versionEntry(created ? 201 : 200, version, bundle, bundle.returns);
    }
    case 'update':
      return updateEntry(await interactions.update(type, interaction.id, content.text(), interaction), bundle);
    case 'conditional-update':
      return updateEntry(
        await interactions.conditionalUpdate(type, interaction.query, content.text(), interaction),
        bundle,
      );
    case 'patch':
      return updateEntry(await interactions.patch(type, interaction.id, content.patch(), interaction), bundle);
    case 'conditional-patch':
      return updateEntry(
        await interactions.conditionalPatch(type, interaction.query, content.patch(), interaction),
        bundle,
      );
    case 'delete':
      return deletionEntry([await interactions.delete(type, interaction.id, interaction)], bundle);
    case 'conditional-delete':
      return deletionEntry(await interactions.conditionalDelete(type, interaction.query, interaction), bundle);
  }
}

/** The text of the response entry of an update or patch; without the resource when the caller may not see it. */
export const updateEntry = ({ version, isShown, created }: UpdateResult, bundle: BundleContext): string =>
  versionEntry(
    created ? 201 : 200,
    version,
    bundle,
    !isShown && bundle.returns === 'representation' ? 'minimal' : bundle.returns,
  );

/** The text of the response entry of a delete. Only one that took a single resource can say which version it made. */
export const deletionEntry = ([version, ...others]: readonly StoredVersion[], bundle: BundleContext): string =>
  version === undefined || others.length > 0
    ? resourceEntry(undefined)
    : versionEntry(200, version, bundle, bundle.returns);

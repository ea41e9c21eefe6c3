import type { ResourceText } from '#fhir';
import { parseSearch, type SearchRequest } from '#fhir-search';
import { historyPage, type HistoryPage } from '../history-page.js';
import { assertType } from '../resource-checks.js';
import type { SearchResult } from '../search.js';
import type { CreateResult } from '../single-writes.js';
import type { StoredVersion } from '../stored-version.js';
import type { TenantDatabase } from '../tenant-database.js';
import type { UpdateResult } from '../writes.js';
import type { BundleContext } from './bundle-context.js';
import type { EntryInteraction, ReadingInteraction, WritingInteraction } from './bundle-entry.js';
import { eTag } from './presentation.js';
import { resourceEntry, versionEntry } from './response-entry.js';
import { historyBundle, searchsetBundle } from './result-bundles.js';

/** The part of a repository that reading entries use. */
export interface ReadingInteractions {
  read(type: string, id: string): Promise<StoredVersion>;
  readVersion(type: string, id: string, versionId: string): Promise<StoredVersion>;
  history(type: string, id: string, page: HistoryPage): Promise<{ total: number; versions: StoredVersion[] }>;
  search(request: SearchRequest): Promise<SearchResult>;
}

/** The part of a repository that entries of a batch use. */
export interface Interactions extends ReadingInteractions {
  create(text: ResourceText, options?: { ifNoneExist?: string }): Promise<CreateResult>;
  update(type: string, id: string, text: ResourceText, options?: { ifMatch?: string }): Promise<UpdateResult>;
  conditionalUpdate(
    type: string,
    query: string,
    text: ResourceText,
    options?: { ifMatch?: string },
  ): Promise<UpdateResult>;
  delete(type: string, id: string, options?: { ifMatch?: string }): Promise<StoredVersion>;
}

export const isReading = (interaction: EntryInteraction): interaction is ReadingInteraction =>
  interaction.kind === 'read' ||
  interaction.kind === 'vread' ||
  interaction.kind === 'history' ||
  interaction.kind === 'search';

/** Carries out an entry that changes nothing and returns the text of its response entry. */
export async function carryOutReading(
  interactions: ReadingInteractions,
  tenant: TenantDatabase,
  interaction: ReadingInteraction,
  bundle: BundleContext,
): Promise<string> {
  const { type } = interaction;
  switch (interaction.kind) {
    case 'read': {
      const version = await interactions.read(type, interaction.id);
      return versionEntry(interaction.ifNoneMatch === eTag(version) ? 304 : 200, version, bundle);
    }
    case 'vread':
      return versionEntry(200, await interactions.readVersion(type, interaction.id, interaction.versionId), bundle);
    case 'history': {
      const page = historyPage(interaction.query);
      const history = await interactions.history(type, interaction.id, page);
      return resourceEntry(historyBundle({ type, id: interaction.id }, page, history, bundle));
    }
    case 'search': {
      const { ownBaseUrls } = tenant;
      const options = { handling: bundle.handling, ...(ownBaseUrls ? { ownBaseUrls } : {}) };
      const request = parseSearch(tenant.version, type, interaction.query, options);
      return resourceEntry(searchsetBundle(request, await interactions.search(request), bundle));
    }
  }
}

/** Carries out an entry that writes, as a request of its own, and returns the text of its response entry. */
export async function carryOutWriting(
  interactions: Interactions,
  interaction: WritingInteraction,
  readText: () => ResourceText,
  bundle: BundleContext,
): Promise<string> {
  const { type } = interaction;
  switch (interaction.kind) {
    case 'create': {
      const text = readText();
      assertType(text, type);
      const { version, created } = await interactions.create(text, interaction);
      return versionEntry(created ? 201 : 200, version, bundle);
    }
    case 'update': {
      const { version, created } = await interactions.update(type, interaction.id, readText(), interaction);
      return versionEntry(created ? 201 : 200, version, bundle);
    }
    case 'conditional-update': {
      const { version, created } = await interactions.conditionalUpdate(
        type,
        interaction.query,
        readText(),
        interaction,
      );
      return versionEntry(created ? 201 : 200, version, bundle);
    }
    case 'delete':
      return versionEntry(200, await interactions.delete(type, interaction.id, interaction), bundle);
  }
}

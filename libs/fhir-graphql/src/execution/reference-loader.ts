import DataLoader from 'dataloader';
import type { JsonObject } from '#fhir';
import type { GraphqlSource, ResourceIdentity } from '../graphql-source.js';
import { resourceObject } from './resource-objects.js';

/** Reads single resources; all that the fields of one level ask for are read together, and each only once. */
export class ReferenceLoader {
  private readonly loader: DataLoader<ResourceIdentity, JsonObject, string>;

  constructor(readMany: GraphqlSource['readMany']) {
    this.loader = new DataLoader<ResourceIdentity, JsonObject, string>(
      async (identities) => {
        const found = await readMany(identities);
        return found.map((item) => (item instanceof Error ? item : resourceObject(item)));
      },
      { cacheKeyFn: ({ type, id }) => `${type}/${id}`, maxBatchSize: 500 },
    );
  }

  /** The current version of the resource. Throws the OutcomeError that says why it cannot be shown. */
  load(identity: ResourceIdentity): Promise<JsonObject> {
    return this.loader.load(identity);
  }

  /** Lets the next load of each resource read it again. */
  forget(): void {
    this.loader.clearAll();
  }
}

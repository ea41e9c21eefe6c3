/**
 * `resources.br` and its index: the definition resources of a version, as HL7 publishes them but for the narrative (a page
 * of HTML that says the same again and is longer than the rest).
 */
import { packLines } from './block-archive.mjs';

const blockLength = 700_000;

/** The two files, for the resources in the order given. */
export function archiveOf(resources) {
  const published = resources.find(({ meta }) => meta?.lastUpdated !== undefined).meta.lastUpdated;
  const lines = resources.map((resource) => ({
    text: JSON.stringify(storedForm(resource, published)),
    key: [resource.resourceType, resource.id, keysOf(resource)],
  }));
  return packLines('resources', lines, blockLength);
}

/**
 * The normal form of stored bodies. A definition is never updated: its only version is 0, older than any other. The few
 * that do not say when they were made were `published` with the others.
 */
function storedForm(resource, published) {
  const { resourceType, id, meta = {}, date } = resource;
  const lastUpdated = new Date(meta.lastUpdated ?? date ?? published).toISOString();
  return {
    resourceType,
    id,
    meta: { versionId: '0', lastUpdated, ...without(meta, ['versionId', 'lastUpdated']) },
    ...without(resource, ['resourceType', 'id', 'meta', 'text']),
  };
}

function without(object, names) {
  return Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)));
}

const keys = ['url', 'version', 'name', 'title', 'status', 'date', 'kind', 'type', 'abstract', 'derivation', 'code'];

/** The elements by which definitions are looked for. Each is a list, for `base` may repeat. */
function keysOf(resource) {
  const found = Object.fromEntries(
    keys.filter((key) => resource[key] !== undefined).map((key) => [key, [String(resource[key])]]),
  );
  const bases = resource.resourceType === 'SearchParameter' ? resource.base : undefined;
  return bases ? { ...found, base: bases } : found;
}

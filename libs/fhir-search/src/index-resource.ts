/**
 * Makes the index rows of one version of a resource: what every search parameter of its type finds in it, in the form
 * in which `planSearch` asks for it.
 */
import { isJsonObject, type FhirVersion, type JsonObject } from '#fhir';
import { CollectedRows } from './collected-rows.js';
import type { IndexRows } from './index-rows.js';
import { indexEmbedded } from './embedded.js';
import { filedUnderCode, indexFiledUnder } from './filed-under.js';
import { listMembers } from './list-members.js';
import { localReferences } from './local-reference.js';
import { parameterTypes } from './parameter-types/index.js';
import type { IndexWriter, ParameterType } from './parameter-types/parameter-type.js';
import type { TokenHasher } from './token-hasher.js';

/** These are columns of `resource`, set by the server. */
const columns = new Set(['_id', '_lastUpdated']);

/**
 * The rows that `resource` (of a type that `version` has) needs in the index. `ownBaseUrls` are the base URLs of the
 * project's FHIR API, each ending in a slash. Elements of an unexpected form are left out; nothing is thrown for them.
 */
export function indexResource(
  version: FhirVersion,
  hasher: TokenHasher,
  resource: JsonObject,
  ownBaseUrls: readonly string[] = [],
): IndexRows {
  const type = resource['resourceType'];
  if (typeof type !== 'string') throw new TypeError('A resource without a resourceType cannot be indexed.');
  const rows = new CollectedRows(hasher, resource, localReferences(ownBaseUrls));
  for (const parameter of version.searchParameters(type).values()) {
    // What stands in the index under the keys of other parameters is written with them.
    if (columns.has(parameter.code) || !parameter.indexKeys.includes(parameter.key)) continue;
    const values = parameter.evaluate(resource);
    if (values.length === 0) continue;
    const writer = rows.writerFor(parameter);
    const parameterType: ParameterType = parameterTypes[parameter.type];
    if (parameter.code === filedUnderCode) indexFiledUnder(parameter, values, writer);
    else if (parameter.embeds) indexEmbedded(version, parameter, values, rows);
    else parameterType.index(parameter, values, writer);
  }
  if (type === listMembers.type) indexMembers(resource, rows.writerFor(listMembers));
  return rows.finish(version.mainDate(type)?.key);
}

/** The members of a List for `_list`: entries that are marked as deleted are none. */
function indexMembers({ entry }: JsonObject, writer: IndexWriter): void {
  for (const item of Array.isArray(entry) ? entry.filter(isJsonObject) : []) {
    const reference = isJsonObject(item['item']) ? item['item']['reference'] : undefined;
    if (item['deleted'] === true || typeof reference !== 'string') continue;
    writer.reference(writer.localReference(reference).replace(/\/_history\/[^/]*$/, ''));
  }
}

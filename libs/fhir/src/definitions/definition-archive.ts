/**
 * The definition resources of a FHIR version as HL7 publishes them. A version has some 1,700 of them, 15 MB of text, so
 * they stay packed in `resources.br` (see packed-lines.ts); its index is read when definitions are first asked for.
 */
import { readPackedLines } from './packed-lines.js';

/** The types of resources that describe FHIR itself and that each project can read. */
export type DefinitionType =
  'StructureDefinition' | 'SearchParameter' | 'OperationDefinition' | 'CompartmentDefinition';

/** A definition that is part of a version, not of any project's data. */
export interface DefinitionResource {
  readonly type: DefinitionType;
  readonly id: string;
  readonly url: string;
  readonly name: string;
  /** The values that search parameters with these codes find it by: `url`, `name`, `type`, `code`, `base`, ... */
  readonly keys: Readonly<Record<string, readonly string[]>>;
  /** The resource in the normal form of stored bodies. Its versionId is 0, which no stored resource has. */
  text(): string;
}

type DefinitionKey = [type: DefinitionType, id: string, keys: Record<string, string[]>];

/** The resources of the archive in `folder` (a URL that ends in `/`), in its order: by type, then by id or url. */
export function readArchive(folder: URL): DefinitionResource[] {
  return readPackedLines<DefinitionKey>(folder, 'resources').map(({ key: [type, id, keys], text }) => ({
    type,
    id,
    url: keys.url?.[0] ?? '',
    name: keys.name?.[0] ?? '',
    keys,
    text,
  }));
}

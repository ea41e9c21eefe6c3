/** Which FHIR versions there are: one per folder of definitions. Each is loaded when first asked for, then kept. */
import { versionFolders } from '../definitions/definition-folders.js';
import { loadFhirVersion, type FhirVersion } from './fhir-version.js';
import { UnsupportedFhirVersionError } from './unsupported-fhir-version-error.js';

const folders = versionFolders();
const loaded = new Map<string, FhirVersion>();

/** The versions that projects may have, by version number. */
export function supportedFhirVersions(): readonly { id: string; label: string }[] {
  return folders.map(({ description: { id, label } }) => ({ id, label }));
}

/**
 * The version with the number (`4.0.1`) or label (`R4`) given. The first call for a version reads its definitions, which
 * takes some 30 ms. Throws UnsupportedFhirVersionError for any other text.
 */
export function fhirVersion(idOrLabel: string): FhirVersion {
  const found = folders.find(({ description: { id, label } }) => id === idOrLabel || label === idOrLabel);
  if (!found) throw new UnsupportedFhirVersionError(idOrLabel, supportedFhirVersions());
  let version = loaded.get(found.description.id);
  if (!version) {
    version = loadFhirVersion(found.folder, found.description);
    loaded.set(found.description.id, version);
  }
  return version;
}

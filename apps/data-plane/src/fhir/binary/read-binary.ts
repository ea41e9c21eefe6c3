import { forbidden, isJsonObject, type JsonObject, OutcomeError } from '#fhir';
import type { ResourceRepository, StoredVersion } from '#fhir-store';

const LOCAL_REFERENCE = /^([A-Za-z]+)\/([A-Za-z0-9\-.]{1,64})(?:\/_history\/[^/]+)?$/;

/**
 * Reads a version of a Binary that has a security context only for those who may read that context
 * (https://hl7.org/fhir/R4/binary.html#security); 403 for others, also when the context is gone.
 */
export async function readBinary(
  repository: ResourceRepository,
  read: () => Promise<StoredVersion>,
): Promise<StoredVersion> {
  const version = await read();
  const { securityContext } = JSON.parse(version.body) as JsonObject;
  if (!isJsonObject(securityContext)) return version;
  const { reference } = securityContext;
  const [, type, id] = LOCAL_REFERENCE.exec(typeof reference === 'string' ? reference : '') ?? [];
  if (type === undefined || id === undefined) throw noContext();
  try {
    await repository.read(type, id);
  } catch (error) {
    if (error instanceof OutcomeError) throw noContext();
    throw error;
  }
  return version;
}

const noContext = (): OutcomeError => forbidden('The security context of the Binary cannot be read.');

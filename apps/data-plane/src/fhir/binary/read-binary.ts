import { OutcomeError } from '#fhir';
import { contextUnreadable, securityContextOf, type ResourceRepository, type StoredVersion } from '#fhir-store';

/**
 * Reads a version of a Binary that has a security context only for those who may read that context
 * (https://hl7.org/fhir/R4/binary.html#security); 403 for others, also when the context is gone.
 */
export async function readBinary(
  repository: ResourceRepository,
  read: () => Promise<StoredVersion>,
): Promise<StoredVersion> {
  const version = await read();
  const context = securityContextOf(version);
  if (context === undefined) return version;
  if (context === 'unknown') throw contextUnreadable();
  try {
    await repository.read(context.type, context.id);
  } catch (error) {
    if (error instanceof OutcomeError) throw contextUnreadable();
    throw error;
  }
  return version;
}

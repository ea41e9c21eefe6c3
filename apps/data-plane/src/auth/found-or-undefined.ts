import { type JsonObject, OutcomeError } from '#fhir';
import type { ResourceRepository } from '#fhir-store';

type Category = OutcomeError['category'];

const MISSING: readonly Category[] = ['not-found', 'gone'];
/** What cannot be read either way: it is not there, or it is not for the caller. */
export const UNREADABLE: readonly Category[] = [...MISSING, 'forbidden'];

/** What `read` finds; undefined when it is refused for one of the reasons: by default, that it is not there (any more). */
export async function foundOrUndefined<T>(
  read: () => Promise<T>,
  reasons: readonly Category[] = MISSING,
): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof OutcomeError && reasons.includes(error.category)) return undefined;
    throw error;
  }
}

/** Those of the references (`Type/id`) that lead to something, by reference. */
export async function findReferences(
  repository: ResourceRepository,
  references: readonly string[],
): Promise<Map<string, JsonObject>> {
  if (references.length === 0) return new Map();
  const identities = references.map((reference) => {
    const [type = '', id = ''] = reference.split('/');
    return { type, id };
  });
  const versions = await repository.readMany(identities);
  return new Map([...versions].map(([reference, { body }]) => [reference, JSON.parse(body) as JsonObject]));
}

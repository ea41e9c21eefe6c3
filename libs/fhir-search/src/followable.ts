import type { SearchParameter } from '#fhir';
import { notSupportedYet } from './parameter-types/parameter-type.js';

/** Elements of these types name a definition by its canonical address, not a resource of the project by its id. */
const addresses: ReadonlySet<string> = new Set(['canonical', 'uri']);

/**
 * Throws an OutcomeError that names `name` for a reference parameter of `type` from which no search gets to another
 * resource: one whose values are canonical addresses, or resources inside the resource. To go nowhere without a word would
 * look like an answer.
 */
export function assertFollowable(parameter: SearchParameter, type: string, name: string): void {
  const { code, embeds, types } = parameter;
  if (embeds) throw notSupportedYet(name, `Following '${code}' of ${type}, whose values stand inside the resource,`);
  if (isCanonical(types)) {
    throw notSupportedYet(name, `Following '${code}' of ${type}, whose values are canonical addresses,`);
  }
}

const isCanonical = (types: ReadonlySet<string>): boolean =>
  types.size > 0 && [...types].every((type) => addresses.has(type));

/**
 * The texts whose hashes are tokens. Search and index must build them in the same way, so they are made here only.
 * Every text starts with the key of its search parameter, which is different for each type; parts of free length that
 * are not last carry their length, so that no value can pose as another one.
 */
import type { TokenValue, TypedIdentifier } from './search-request.js';

/** The parameter has a value: what `:missing` asks for. */
export const presentText = (parameter: number): string => `${parameter}|present`;

/** A uri or canonical, exactly. */
export const uriText = (parameter: number, uri: string): string => `${parameter}|uri|${uri}`;

/** What a token value is part of: the element itself, or the `identifier` of a Reference. */
export type TokenSpace = 'value' | 'identifier';

/** The text that a resource has if `value` (with a code, a system, or both) matches it. */
export function tokenText(parameter: number, space: TokenSpace, { system, code }: TokenValue): string {
  const start = `${parameter}|${space}|`;
  if (system === undefined) return `${start}code|${code ?? ''}`;
  if (code === undefined) return `${start}system|${system}`;
  return `${start}pair|${system.length}|${system}|${code}`;
}

/** A code whose system the element itself implies (data type `code`): any system that a search names fits it. */
export const impliedSystemText = (parameter: number, code: string): string => `${parameter}|implied|${code}`;

/** An Identifier with that value whose type has that coding. */
export const ofTypeText = (parameter: number, { system, code, value }: TypedIdentifier): string =>
  `${parameter}|of-type|${system.length}|${system}|${code.length}|${code}|${value}`;

/** A value of a composite all of whose parts are compared exactly. */
export const compositeText = (parameter: number, parts: readonly string[]): string =>
  `${parameter}|composite|${parts.map((part) => `${part.length}|${part}`).join('|')}`;

/** A resource of the type stands inside the resource, where the parameter looks. */
export const embeddedTypeText = (parameter: number, type: string): string => `${parameter}|embedded|${type}`;

/** The same of a resource with that id. */
export const embeddedText = (parameter: number, type: string, id: string): string =>
  `${parameter}|embedded|${type}/${id}`;

/** What a resource inside another one refers to: only its own container is found by it. */
export const referenceInEmbeddedText = (parameter: number, target: string): string => `${parameter}|refers|${target}`;

/**
 * The member of `resource.sort_texts` for the greatest text of a parameter, there only when it is another than the least,
 * which stands under the parameter's code. No code begins with this character.
 */
export const greatestText = (code: string): string => `-${code}`;

/** The text whose hash stands in `resource_reference.target`. */
export const referenceText = (target: string): string => `reference|${target}`;

/** References (https://hl7.org/fhir/R4/search.html#reference): compared as text, also without their version. */
import { isJsonObject, type JsonValue, type TypedValue } from '#fhir';
import type { TokenValue } from '../search-request.js';
import { matchesToken } from './tokens.js';

/** Whether the reference or canonical of a resource is one of `targets`; `ownBaseUrls` make a reference a local one. */
export function matchesReference(
  targets: readonly string[],
  value: TypedValue,
  { ownBaseUrls }: { readonly ownBaseUrls?: readonly string[] },
): boolean {
  const text = referenceText(value);
  return text !== undefined && addresses(text, ownBaseUrls).some((address) => targets.includes(address));
}

/** Whether the identifier by which a reference names its target fits one of `values`. */
export function matchesReferenceIdentifier(values: readonly TokenValue[], found: TypedValue): boolean {
  const reference = referenceOf(found);
  const identifier = isJsonObject(reference) ? reference['identifier'] : undefined;
  if (identifier === undefined) return false;
  return matchesToken(values, { type: 'Identifier', value: identifier });
}

/** The text of a literal reference or canonical; undefined for contained resources, which have no address. */
export function referenceText(value: TypedValue): string | undefined {
  const reference = referenceOf(value);
  const text = isJsonObject(reference) ? reference['reference'] : reference;
  return typeof text === 'string' && text !== '' && !text.startsWith('#') ? text : undefined;
}

function referenceOf({ type, value }: TypedValue): JsonValue | undefined {
  return type === 'CodeableReference' && isJsonObject(value) ? value['reference'] : value;
}

/** The texts by which a reference can be asked for: with and without the version of its target. */
export function addresses(text: string, ownBaseUrls: readonly string[] = []): string[] {
  const base = ownBaseUrls.find((url) => text.startsWith(url)) ?? '';
  const local = text.slice(base.length);
  const version = /\/_history\/[^/]*$|\|[^|]*$/.exec(local);
  return version && version.index > 0 ? [local, local.slice(0, version.index)] : [local];
}

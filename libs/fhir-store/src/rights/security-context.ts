/**
 * A Binary may name a security context (https://hl7.org/fhir/R4/binary.html#security): whoever may read that resource may
 * have the content of the Binary, and nobody else. The content is given out by reading the Binary itself; wherever else
 * the resource is shown, it is shown without.
 */
import { forbidden, isJsonObject, memberName, OutcomeError, spansOf, type JsonValue } from '#fhir';
import type { Identity } from '../sql/read.sql.js';
import type { StoredVersion } from '../stored-version.js';

const localReference = /^([A-Za-z]+)\/([A-Za-z0-9\-.]{1,64})(?:\/_history\/[^/]+)?$/;

type Shown = Pick<StoredVersion, 'type' | 'body'>;

/** Whether resources of the type can have a security context. */
export const mayBeGuarded = (type: string): boolean => type === 'Binary';

/** The context that a version names; `unknown` for one that is not a resource of this project, undefined without one. */
export function securityContextOf({ type, body }: Shown): Identity | 'unknown' | undefined {
  if (!mayBeGuarded(type) || body === '') return undefined;
  const member = spansOf(body).find((span) => memberName(body, span) === 'securityContext');
  if (member === undefined) return undefined;
  const securityContext = JSON.parse(body.slice(member.value, member.end)) as JsonValue;
  const reference = isJsonObject(securityContext) ? securityContext.reference : undefined;
  const [, contextType, id] = localReference.exec(typeof reference === 'string' ? reference : '') ?? [];
  return contextType === undefined || id === undefined ? 'unknown' : { type: contextType, id };
}

/** The text of a version without the content that a security context guards, or where it is. */
export function unguardedBody(version: Shown): string {
  const { body } = version;
  if (securityContextOf(version) === undefined) return body;
  const members = spansOf(body).filter((span) => !contentMembers.has(memberName(body, span)));
  return `{${members.map((span) => body.slice(span.start, span.end)).join(',')}}`;
}

const contentMembers: ReadonlySet<string> = new Set(['data', '_data']);

/** What somebody is answered who may not read the security context of a Binary. */
export const contextUnreadable = (): OutcomeError => forbidden('The security context of the Binary cannot be read.');

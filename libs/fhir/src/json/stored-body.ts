import type { ResourceText } from './read-resource.js';

const typeForm = /^[A-Za-z]{1,64}$/;
const idForm = /^[A-Za-z0-9\-.]{1,64}$/;

/**
 * The start of a stored body, up to the version id: `{"resourceType":"T","id":"I","meta":{"versionId":"`. Throws a plain
 * Error for a type or id that FHIR does not allow, since those could forge other members.
 */
export function bodyHead(type: string, id: string): string {
  return `${startOfMeta(type, id)}"versionId":"`;
}

/** The end of a stored body, from behind the closing quote of lastUpdated: `<,meta members>}<,other members>}`. */
export function bodyTail(resource: Pick<ResourceText, 'metaMembers' | 'otherMembers'>): string {
  const meta = resource.metaMembers === '' ? '' : `,${resource.metaMembers}`;
  return `${meta}}${resource.otherMembers}}`;
}

/**
 * `body` with `extendedMeta` (the text of JSON members, without braces; may be empty) as the first members of its meta.
 * `body` must be the stored body of the resource `type`/`id`; nothing is parsed.
 */
export function spliceExtendedMeta(body: string, type: string, id: string, extendedMeta: string): string {
  if (extendedMeta === '') return body;
  const start = startOfMeta(type, id);
  if (!body.startsWith(start)) throw new Error(`The stored body of ${type}/${id} is not in normal form`);
  return `${start}${extendedMeta},${body.slice(start.length)}`;
}

function startOfMeta(type: string, id: string): string {
  if (!typeForm.test(type) || !idForm.test(id)) throw new Error('A body needs a resource type and a FHIR id');
  return `{"resourceType":"${type}","id":"${id}","meta":{`;
}

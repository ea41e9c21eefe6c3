/**
 * From the text a client sent to what is stored. The contract's normal form of a stored resource is
 * `{"resourceType":"T","id":"I","meta":{"versionId":"V","lastUpdated":"L"<,other meta>}<,other members>}`; V and L are
 * put in by the database, so the parts around them are kept apart here.
 */
import { badRequest } from '../outcomes/outcome-error.js';
import { isJsonObject, type JsonObject, type JsonValue } from './json-value.js';
import { memberName, type Span, spansOf } from './members.js';
import { normalForm } from './normal-form.js';

export interface ResourceText {
  /** The resource as a value, without the server-managed members of `meta`. */
  value: JsonObject;
  resourceType: string;
  id?: string;
  /** The text of the client's own members of `meta`: `"profile":["x"]`, or the empty string. */
  metaMembers: string;
  /** The text of all members but resourceType, id and meta, each with a comma before it: `,"active":true`, or empty. */
  otherMembers: string;
  /**
   * What the text says of `meta.accounts`, unchecked; a lone `meta.account` is a list of one. Undefined without a `meta`.
   * It is a wish: whether it counts depends on who writes.
   */
  sentAccounts?: JsonValue;
}

/** No official example nests deeper than 15; the limit keeps every later walk over a resource shallow. */
export const maxResourceDepth = 64;

/** Members of `meta` that the server alone decides. What a client sends for them is ignored. */
const serverManaged = new Set(
  ['versionId', 'lastUpdated', 'author', 'project', 'account', 'accounts', 'compartment', 'onBehalfOf'].flatMap(
    (name) => [name, `_${name}`],
  ),
);

/**
 * Reads one resource strictly. `rewrite` is asked for every string value, never for a member name; what it returns takes
 * that string's place in the text and in `value` alike (for the `urn:uuid` references of a transaction).
 *
 * Throws OutcomeError `invalid` (issue code `structure`) when the text is not the JSON that normalForm accepts, is not
 * an object, or when resourceType, id or meta are not of their JSON type. Whether the resource has the form that its
 * type demands is for FhirVersion.validate.
 */
export function readResource(text: string, options?: { rewrite?: (text: string) => string | undefined }): ResourceText {
  const normal = normalForm(text, { maxDepth: maxResourceDepth, rewrite: options?.rewrite });
  const value = JSON.parse(normal.text) as JsonValue;
  if (!isJsonObject(value)) throw wrong('A resource must be a JSON object');
  const { resourceType, id, meta } = value;
  if (typeof resourceType !== 'string') throw wrong('A resource must have a resourceType, which is a string');
  if (id !== undefined && typeof id !== 'string')
    throw wrong('The id of a resource must be a string', [`${resourceType}.id`]);
  if (meta !== undefined && !isJsonObject(meta)) throw wrong('meta must be an object', [`${resourceType}.meta`]);

  const { metaMembers, otherMembers } = splitMembers(normal.text, normal.members);
  const sentAccounts = meta && (meta.accounts ?? (meta.account === undefined ? [] : [meta.account]));
  if (meta) removeServerManaged(value, meta);
  return {
    value,
    resourceType,
    ...(id === undefined ? {} : { id }),
    metaMembers,
    otherMembers,
    ...(sentAccounts === undefined ? {} : { sentAccounts }),
  };
}

function splitMembers(resource: string, members: Span[]): { metaMembers: string; otherMembers: string } {
  let metaMembers = '';
  let otherMembers = '';
  /** Neighbours are taken in one piece: most resources have resourceType, id and meta in front, then all the rest. */
  let runStart = 0;
  let runEnd = -1;
  for (const span of members) {
    const name = memberName(resource, span);
    if (name === 'meta') metaMembers = clientMetaMembers(resource.slice(span.value, span.end));
    else if (name !== 'resourceType' && name !== 'id') {
      if (span.start !== runEnd + 1) {
        if (runEnd > 0) otherMembers += `,${resource.slice(runStart, runEnd)}`;
        runStart = span.start;
      }
      runEnd = span.end;
    }
  }
  if (runEnd > 0) otherMembers += `,${resource.slice(runStart, runEnd)}`;
  return { metaMembers, otherMembers };
}

function clientMetaMembers(meta: string): string {
  return spansOf(meta)
    .filter((span) => !serverManaged.has(memberName(meta, span)))
    .map((span) => meta.slice(span.start, span.end))
    .join(',');
}

/** An empty `meta` goes too: it is what is left when a client sends back only what the server had set. */
function removeServerManaged(resource: JsonObject, meta: JsonObject): void {
  const own = Object.entries(meta).filter(([name]) => !serverManaged.has(name));
  if (own.length === 0) delete resource.meta;
  else resource.meta = Object.fromEntries(own);
}

function wrong(text: string, expression?: string[]) {
  return badRequest(text, { code: 'structure', ...(expression ? { expression } : {}) });
}

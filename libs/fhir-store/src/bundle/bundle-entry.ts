import { badRequest, isJsonObject, notFound, notSupported, type FhirVersion, type JsonObject } from '#fhir';
import { isFhirId } from '../stored-version.js';

/** What an entry that writes asks for. */
export type WritingInteraction =
  | { readonly kind: 'create'; readonly type: string; readonly ifNoneExist?: string }
  | { readonly kind: 'update'; readonly type: string; readonly id: string; readonly ifMatch?: string }
  | { readonly kind: 'conditional-update'; readonly type: string; readonly query: string; readonly ifMatch?: string }
  | { readonly kind: 'delete'; readonly type: string; readonly id: string; readonly ifMatch?: string };

/** What an entry that changes nothing asks for. */
export type ReadingInteraction =
  | { readonly kind: 'read'; readonly type: string; readonly id: string; readonly ifNoneMatch?: string }
  | { readonly kind: 'vread'; readonly type: string; readonly id: string; readonly versionId: string }
  | { readonly kind: 'history'; readonly type: string; readonly id: string; readonly query: string }
  | { readonly kind: 'search'; readonly type: string; readonly query: string };

export type EntryInteraction = WritingInteraction | ReadingInteraction;

export interface BundleEntry {
  readonly fullUrl?: string;
  readonly interaction: EntryInteraction;
  /** The text of the entry's resource; there is one for creates and updates, and for those only. */
  readonly resource: string;
}

/** What an entry reads, as the audit names it: its address below the base URL. */
export function entityOf(interaction: ReadingInteraction): string {
  switch (interaction.kind) {
    case 'read':
      return `${interaction.type}/${interaction.id}`;
    case 'vread':
      return `${interaction.type}/${interaction.id}/_history/${interaction.versionId}`;
    case 'history':
      return `${interaction.type}/${interaction.id}/_history`;
    case 'search':
      return interaction.query === '' ? interaction.type : `${interaction.type}?${interaction.query}`;
  }
}

/**
 * Reads one entry (https://hl7.org/fhir/R4/http.html#transaction). Its URL may start with a slash or be an absolute one
 * below `baseUrl`. Throws OutcomeErrors for what it does not understand.
 */
export function readEntry(
  version: FhirVersion,
  baseUrl: string,
  entry: unknown,
  resource: string | undefined,
): BundleEntry {
  if (!isJsonObject(entry)) throw badRequest('An entry must be an object', { code: 'structure' });
  const { request, fullUrl } = entry;
  if (!isJsonObject(request)) throw badRequest('An entry must have a request', { code: 'required' });
  const interaction = readInteraction(version, baseUrl, request);
  const needsResource =
    interaction.kind === 'create' || interaction.kind === 'update' || interaction.kind === 'conditional-update';
  if (needsResource && resource === undefined) throw badRequest('The entry needs a resource', { code: 'required' });
  return {
    interaction,
    resource: needsResource ? (resource ?? '') : '',
    ...(typeof fullUrl === 'string' ? { fullUrl } : {}),
  };
}

function readInteraction(version: FhirVersion, baseUrl: string, request: JsonObject): EntryInteraction {
  const { type, id, rest, query } = readUrl(version, baseUrl, text(request, 'url'));
  const method = text(request, 'method');
  const condition = (name: 'ifMatch' | 'ifNoneMatch' | 'ifNoneExist') => {
    const value = request[name];
    return typeof value === 'string' && value !== '' ? { [name]: value } : {};
  };
  const plain = rest.length === 0;
  switch (method) {
    case 'GET':
      if (id === undefined) return { kind: 'search', type, query };
      if (plain) return { kind: 'read', type, id, ...condition('ifNoneMatch') };
      if (rest[0] === '_history' && rest.length === 1) return { kind: 'history', type, id, query };
      if (rest[0] === '_history' && rest.length === 2) return { kind: 'vread', type, id, versionId: rest[1] ?? '' };
      break;
    case 'POST':
      if (id === undefined) return { kind: 'create', type, ...condition('ifNoneExist') };
      break;
    case 'PUT':
      if (id === undefined) return { kind: 'conditional-update', type, query, ...condition('ifMatch') };
      if (plain) return { kind: 'update', type, id, ...condition('ifMatch') };
      break;
    case 'DELETE':
      if (id !== undefined && plain) return { kind: 'delete', type, id, ...condition('ifMatch') };
      break;
    default:
  }
  throw notSupported(`${method} ${text(request, 'url')} is not supported in a Bundle`);
}

interface EntryUrl {
  readonly type: string;
  readonly id?: string;
  readonly rest: readonly string[];
  readonly query: string;
}

function readUrl(version: FhirVersion, baseUrl: string, url: string): EntryUrl {
  const relative = url.startsWith(baseUrl) ? url.slice(baseUrl.length) : url.replace(/^\//, '');
  if (/^[a-z][a-z0-9+.-]*:/i.test(relative)) {
    throw badRequest(`The URL ${url} is not below ${baseUrl}`, { expression: ['request.url'] });
  }
  const [path = '', ...queries] = relative.split('?');
  const [type = '', id, ...rest] = path.split('/');
  if (id?.startsWith('$') || id === '_search' || rest.some((part) => part.startsWith('$'))) {
    throw notSupported(`${url} is not supported in a Bundle`);
  }
  // As over HTTP: there is nothing at this address.
  if (!version.isResourceType(type) || (id !== undefined && !isFhirId(id))) throw notFound();
  return { type, rest, query: queries.join('?'), ...(id === undefined ? {} : { id }) };
}

function text(request: JsonObject, name: 'method' | 'url'): string {
  const value = request[name];
  if (typeof value === 'string' && value !== '') return value;
  throw badRequest(`The entry's request must have a ${name}`, { code: 'required', expression: [`request.${name}`] });
}

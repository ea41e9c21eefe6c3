import { badRequest, isJsonObject, notFound, notSupported, type FhirVersion, type JsonObject } from '#fhir';
import { accountsInQuery } from '../accounts/account.js';
import { isFhirId } from '../stored-version.js';
import type { WriteConditions } from '../writing/decide-update.js';

interface Direct<Kind> extends WriteConditions {
  readonly kind: Kind;
  readonly type: string;
  readonly id: string;
}

interface Conditional<Kind> extends WriteConditions {
  readonly kind: Kind;
  readonly type: string;
  readonly query: string;
}

/** What an entry that writes asks for. */
export type WritingInteraction =
  | {
      readonly kind: 'create';
      readonly type: string;
      readonly ifNoneExist?: string;
      readonly accounts?: readonly string[];
    }
  | Direct<'update'>
  | Direct<'patch'>
  | Direct<'delete'>
  | Conditional<'conditional-update'>
  | Conditional<'conditional-patch'>
  | Conditional<'conditional-delete'>;

/** What an entry that changes nothing asks for. `head`: only whether and which, not the resource itself. */
export type ReadingInteraction = { readonly head?: true } & (
  | {
      readonly kind: 'read';
      readonly type: string;
      readonly id: string;
      /** What of the resource is shown, where the address says it. */
      readonly query?: string;
      readonly ifNoneMatch?: string;
      readonly ifModifiedSince?: string;
    }
  | {
      readonly kind: 'vread';
      readonly type: string;
      readonly id: string;
      readonly versionId: string;
      readonly query?: string;
    }
  | { readonly kind: 'history'; readonly type?: string; readonly id?: string; readonly query: string }
  /** `path` is a type, a compartment with a type (`Patient/1/Observation`), or empty for the whole system. */
  | { readonly kind: 'search'; readonly path: string; readonly query: string }
);

/**
 * An operation (https://hl7.org/fhir/R4/operations.html) that an entry of a batch calls; `name` has its dollar sign. So is
 * `metadata` called, without one.
 */
export interface OperationInteraction {
  readonly kind: 'operation';
  readonly method: 'GET' | 'POST';
  readonly name: string;
  readonly type?: string;
  readonly id?: string;
  readonly query: string;
}

export type EntryInteraction = WritingInteraction | ReadingInteraction | OperationInteraction;

export interface BundleEntry {
  readonly fullUrl?: string;
  readonly interaction: EntryInteraction;
  /** The text of the entry's resource; empty for what takes none. */
  readonly resource: string;
}

export const isReading = (interaction: EntryInteraction): interaction is ReadingInteraction =>
  interaction.kind === 'read' ||
  interaction.kind === 'vread' ||
  interaction.kind === 'history' ||
  interaction.kind === 'search';

/** What an entry reads, as the audit names it: its address below the base URL. */
export function entityOf(interaction: ReadingInteraction): string {
  switch (interaction.kind) {
    case 'read':
      return `${interaction.type}/${interaction.id}`;
    case 'vread':
      return `${interaction.type}/${interaction.id}/_history/${interaction.versionId}`;
    case 'history':
      return [interaction.type, interaction.id, '_history'].filter((part) => part !== undefined).join('/');
    case 'search':
      return interaction.query === '' ? interaction.path : `${interaction.path}?${interaction.query}`;
  }
}

/** What an entry asks for as the audit names it: what is done, and to what. */
export function auditedEntry(interaction: EntryInteraction): { action: 'C' | 'R' | 'U' | 'D' | 'E'; entity: string } {
  if (isReading(interaction)) return { action: 'R', entity: entityOf(interaction) };
  const { type = '' } = interaction;
  switch (interaction.kind) {
    case 'create':
      return { action: 'C', entity: type };
    case 'update':
    case 'patch':
      return { action: 'U', entity: `${type}/${interaction.id}` };
    case 'conditional-update':
    case 'conditional-patch':
      return { action: 'U', entity: `${type}?${interaction.query}` };
    case 'delete':
      return { action: 'D', entity: `${type}/${interaction.id}` };
    case 'conditional-delete':
      return { action: 'D', entity: `${type}?${interaction.query}` };
    case 'operation':
      return { action: 'E', entity: [type, interaction.id, interaction.name].filter(Boolean).join('/') };
  }
}

/** Whether an entry of the kind must, may or cannot have a resource. */
const resourceRule: Partial<Record<EntryInteraction['kind'], 'needed' | 'possible'>> = {
  create: 'needed',
  update: 'needed',
  'conditional-update': 'needed',
  patch: 'needed',
  'conditional-patch': 'needed',
  operation: 'possible',
};

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
  const rule = resourceRule[interaction.kind];
  if (rule === 'needed' && resource === undefined) throw badRequest('The entry needs a resource', { code: 'required' });
  return {
    interaction,
    resource: rule === undefined ? '' : (resource ?? ''),
    // An empty one is none: `#a` would be a link into it.
    ...(typeof fullUrl === 'string' && fullUrl !== '' ? { fullUrl } : {}),
  };
}

function readInteraction(version: FhirVersion, baseUrl: string, request: JsonObject): EntryInteraction {
  const url = readUrl(version, baseUrl, text(request, 'url'));
  const method = text(request, 'method');
  const found =
    (url.operation === undefined ? undefined : operationOf(method, url, url.operation)) ??
    (method === 'GET' || method === 'HEAD' ? readingOf(method, url, request) : writingOf(method, url, request));
  if (found === undefined) throw notSupported(`${method} ${text(request, 'url')} is not supported in a Bundle`);
  return found;
}

function operationOf(method: string, { type, id, query }: EntryUrl, name: string): OperationInteraction | undefined {
  if (name === capabilities && method !== 'GET') return undefined;
  if (method !== 'GET' && method !== 'POST') return undefined;
  return { kind: 'operation', method, name, query, ...given({ type, id }) };
}

function readingOf(method: 'GET' | 'HEAD', url: EntryUrl, request: JsonObject): ReadingInteraction | undefined {
  const { type, id, rest, query, operation } = url;
  const head = method === 'HEAD' ? ({ head: true } as const) : {};
  const parts = query === '' ? {} : { query };
  if (operation !== undefined) return undefined;
  const [first, second, ...more] = rest;
  if (first === '_history' && second === undefined) return { kind: 'history', query, ...given({ type, id }), ...head };
  if (type === undefined || id === undefined) {
    return first === undefined ? { kind: 'search', path: type ?? '', query, ...head } : undefined;
  }
  if (first === undefined) {
    return { kind: 'read', type, id, ...parts, ...conditions(request, 'ifNoneMatch', 'ifModifiedSince'), ...head };
  }
  if (first !== '_history') return { kind: 'search', path: [type, id, ...rest].join('/'), query, ...head };
  if (second === undefined || more.length > 0) return undefined;
  return { kind: 'vread', type, id, versionId: second, ...parts, ...head };
}

function writingOf(method: string, url: EntryUrl, request: JsonObject): WritingInteraction | undefined {
  const { type, id, rest, query, operation } = url;
  if (type === undefined || rest.length > 0 || operation !== undefined) return undefined;
  if (method === 'POST') {
    if (id !== undefined) return undefined;
    return { kind: 'create', type, ...conditions(request, 'ifNoneExist'), ...accountsInQuery(query) };
  }
  const kind = updatingKinds.get(method);
  if (kind === undefined) return undefined;
  const given = conditions(request, 'ifMatch', 'ifNoneMatch');
  return id === undefined ? { kind: `conditional-${kind}`, type, query, ...given } : { kind, type, id, ...given };
}

const updatingKinds = new Map([
  ['PUT', 'update'],
  ['PATCH', 'patch'],
  ['DELETE', 'delete'],
] as const) as ReadonlyMap<string, 'update' | 'patch' | 'delete'>;

interface EntryUrl {
  readonly type?: string;
  readonly id?: string;
  readonly operation?: string;
  /** The parts of the path behind those. */
  readonly rest: readonly string[];
  readonly query: string;
}

/** What the server can do (https://hl7.org/fhir/R4/http.html#capabilities). */
const capabilities = 'metadata';

/** A slash behind a type or an id means nothing, as over HTTP. */
const trailingSlash = /^([^/]+(?:\/[^/]+)?)\/$/;

function readUrl(version: FhirVersion, baseUrl: string, url: string): EntryUrl {
  const relative = url.startsWith(baseUrl) ? url.slice(baseUrl.length) : url.replace(/^\//, '');
  if (/^[a-z][a-z0-9+.-]*:/i.test(relative)) {
    throw badRequest(`The URL ${url} is not below ${baseUrl}`, { expression: ['request.url'] });
  }
  const [received = '', ...queries] = relative.split('?');
  const query = queries.join('?');
  const path = received.replace(trailingSlash, '$1');
  if (path === capabilities) return { operation: capabilities, rest: [], query };
  const parts = path.split('/');
  const operation = parts.at(-1)?.startsWith('$') ? { operation: operationName(parts.pop()) } : {};
  if (parts.length === 0 || path === '_history' || path === '') {
    return { rest: path === '_history' ? parts : [], query, ...operation };
  }
  const [type = '', id, ...rest] = parts;
  if (type === '_search' || id === '_search') {
    throw notSupported(`${url} is not supported in a Bundle; send GET with the parameters in the URL`);
  }
  // As over HTTP: there is nothing at this address.
  if (!version.isResourceType(type)) throw notFound();
  if (operation.operation !== undefined && (id === '_history' || rest.length > 0)) throw notFound();
  if (id === '_history') return { type, rest: [id, ...rest], query, ...operation };
  if (id !== undefined && !isFhirId(id)) throw notFound();
  return { type, rest, query, ...operation, ...given({ id }) };
}

/** Names are put into addresses, so they may not hold anything that has a meaning there. */
function operationName(segment = ''): string {
  if (!/^\$[A-Za-z][A-Za-z0-9-]*$/.test(segment)) throw notFound();
  return segment;
}

function conditions<Name extends string>(request: JsonObject, ...names: Name[]): { [Key in Name]?: string } {
  const found: { [Key in Name]?: string } = {};
  for (const name of names) {
    const value = request[name];
    if (typeof value === 'string' && value !== '') found[name] = value;
  }
  return found;
}

/** The members that have a value. */
const given = <Members extends Record<string, string | undefined>>(
  members: Members,
): { [Name in keyof Members]?: string } =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as {
    [Name in keyof Members]?: string;
  };

function text(request: JsonObject, name: 'method' | 'url'): string {
  const value = request[name];
  if (typeof value === 'string' && value !== '') return value;
  throw badRequest(`The entry's request must have a ${name}`, { code: 'required', expression: [`request.${name}`] });
}

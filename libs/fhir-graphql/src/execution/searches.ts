/** Lists and connections (https://hl7.org/fhir/R4/graphql.html#searching). */
import type { GraphQLFieldResolver, GraphQLResolveInfo } from 'graphql';
import { badRequest, tooCostly, type JsonObject } from '#fhir';
import { affordable, noteSlices, wholeNumber } from './elements.js';
import type { GraphqlContext } from './graphql-context.js';
import { readPageToken, writePageToken, type PageToken } from './page-token.js';
import { isStored } from './resource-objects.js';
import { maxPage } from './reverse-lists.js';
import { searchParameters } from './search-parameters.js';
import { selectsField } from './selected-fields.js';

interface SearchArguments extends Record<string, unknown> {
  readonly _count?: number | null;
  readonly _offset?: number | null;
  readonly fhirpath?: string | null;
}

interface ReverseArguments extends SearchArguments {
  /** The code of the reference parameter. */
  readonly _reference: string;
}

type Codes = ReadonlyMap<string, string>;
type Resolver<Args> = GraphQLFieldResolver<unknown, GraphqlContext, Args>;

const defaultPageSize = 20;

/** `PatientList` at the root: the whole list, or as much of it as `_count` says. */
export function resolveList(type: string, codes: Codes): Resolver<SearchArguments> {
  return async (_source, args, context, info) => {
    const { count, offset } = windowOf(args);
    const page = await context.search(type, [
      ...searchParameters(codes, args),
      ['_count', String(count ?? maxPage)],
      ...offsetParameter(offset),
    ]);
    if (page.next !== undefined && count === undefined) {
      throw tooCostly(`More than ${maxPage} ${type} resources match. Use _count, or ${type}Connection for pages.`);
    }
    return noteSlices(affordable(chosen(page.resources, args, context), context, info), context, info);
  };
}

/** `PatientConnection` at the root: one page of a search, and the addresses of others. */
export function resolveConnection(
  type: string,
  codes: Codes,
): Resolver<SearchArguments & { readonly _cursor?: string | null }> {
  const known = new Set(codes.values());
  return (_source, { _cursor: cursor, ...args }, context, info) => {
    if (typeof cursor !== 'string') return connectionPage(firstPage(type, codes, args), args, context, info);
    if (Object.values(args).some((value) => value !== null && value !== undefined)) {
      throw badRequest('_cursor stands for all other arguments and cannot be combined with them.', { code: 'value' });
    }
    return connectionPage(readPageToken(cursor, type, known), args, context, info);
  };
}

/** `ObservationList(_reference: subject)` inside a Patient. */
export function resolveReverseList(type: string, codes: Codes): Resolver<ReverseArguments> {
  return async (source, args, context, info) => {
    if (!isStored(source)) return [];
    const { count, offset } = windowOf(args);
    const request = {
      type,
      code: args._reference,
      parameters: searchParameters(codes, args),
      limit: count === undefined ? undefined : count + offset,
    };
    const found = await context.reverseLists.load(request, addressOf(source));
    return noteSlices(affordable(chosen(found.slice(offset), args, context), context, info), context, info);
  };
}

/** `ObservationConnection(_reference: subject)` inside a Patient. Its cursors are for ObservationConnection at the root. */
export function resolveReverseConnection(type: string, codes: Codes): Resolver<ReverseArguments> {
  return async (source, args, context, info) => {
    if (!isStored(source)) return null;
    const page = firstPage(type, codes, args);
    const parameters = [...page.parameters, [args._reference, addressOf(source)] as const];
    return affordable(await connectionPage({ ...page, parameters }, args, context, info), context, info);
  };
}

const addressOf = ({ resourceType, id }: { resourceType: string; id: string }): string => `${resourceType}/${id}`;

function firstPage(type: string, codes: Codes, args: SearchArguments): PageToken {
  const { count = defaultPageSize, offset } = windowOf(args);
  return { type, parameters: searchParameters(codes, args), count, offset };
}

/** The arguments' window. Throws OutcomeError for one that REST would silently cut. */
function windowOf(args: SearchArguments): { count: number | undefined; offset: number } {
  const count = wholeNumber('_count', args._count);
  if (count !== undefined && count > maxPage) {
    throw badRequest(`The argument _count can be at most ${maxPage}.`, { code: 'value' });
  }
  return { count, offset: wholeNumber('_offset', args._offset) ?? 0 };
}

const offsetParameter = (offset: number): [string, string][] => (offset > 0 ? [['_offset', String(offset)]] : []);

async function connectionPage(
  token: PageToken,
  args: SearchArguments,
  context: GraphqlContext,
  info: GraphQLResolveInfo,
): Promise<object> {
  const { type, parameters, count, offset, cursor } = token;
  const page = await context.search(type, [
    ...parameters,
    ['_count', String(count)],
    ...(selectsField(info, 'count') ? [['_total', 'accurate'] as const] : []),
    ...(cursor === undefined ? offsetParameter(offset) : [['_cursor', cursor] as const]),
  ]);
  const pageAt = (start: number): string => writePageToken({ type, parameters, count, offset: start });
  return {
    count: page.total,
    offset,
    pagesize: count,
    edges: chosen(page.resources, args, context).map((resource) => ({ mode: 'match', score: null, resource })),
    first: pageAt(0),
    previous: offset > 0 ? pageAt(Math.max(0, offset - count)) : null,
    next:
      page.next === undefined
        ? null
        : writePageToken({ type, parameters, count, offset: offset + count, cursor: page.next }),
    last: null,
  };
}

function chosen(
  resources: readonly JsonObject[],
  { fhirpath }: SearchArguments,
  { expressions }: GraphqlContext,
): readonly JsonObject[] {
  return typeof fhirpath === 'string' ? expressions.choose(fhirpath, resources) : resources;
}

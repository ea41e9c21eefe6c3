/**
 * Lists of the resources that point to a resource, for many resources at a time: the Observations of fifty Patients are
 * one search for `subject=Patient/1,Patient/2,…`, whose hits are then dealt out by what they point to.
 *
 * With a limit per list a page of limit × lists hits is asked for. A page holds the first hits of all lists together, so
 * what it holds of one list is the start of that list, and a full page must have filled at least one list. Those are
 * done; the search is repeated for the others. In the usual case that is one search, at worst as many as lists.
 */
import DataLoader from 'dataloader';
import { isJsonObject, type JsonObject, type JsonValue } from '#fhir';
import type { GraphqlSource, SearchParameters } from '../graphql-source.js';
import type { FoundPage, Search } from './found-page.js';
import { localReference } from './local-reference.js';

export interface ListRequest {
  readonly type: string;
  /** The code of the reference parameter that points to the resource in focus. */
  readonly code: string;
  readonly parameters: SearchParameters;
  /** Undefined: the whole list. */
  readonly limit: number | undefined;
}

/** What REST allows on one page. */
export const maxPage = 1000;
const maxLists = 200;

export class ReverseLists {
  private readonly loaders = new Map<string, DataLoader<string, JsonObject[]>>();

  constructor(
    private readonly source: Pick<GraphqlSource, 'version' | 'ownBaseUrls'>,
    private readonly search: Search,
  ) {}

  /** The resources that point to `target` (`Patient/1`), in the order of the search. */
  load(request: ListRequest, target: string): Promise<JsonObject[]> {
    const key = JSON.stringify(request);
    let loader = this.loaders.get(key);
    if (loader === undefined) {
      const perSearch = Math.max(1, Math.min(maxLists, Math.floor(maxPage / Math.max(1, request.limit ?? 1))));
      loader = new DataLoader(async (targets) => [...(await this.lists(request, targets)).values()], {
        maxBatchSize: perSearch,
      });
      this.loaders.set(key, loader);
    }
    return loader.load(target);
  }

  /** Lets the next load of each list search again. */
  forget(): void {
    this.loaders.clear();
  }

  private async lists(request: ListRequest, targets: readonly string[]): Promise<Map<string, JsonObject[]>> {
    const { limit } = request;
    const lists = new Map<string, JsonObject[]>(targets.map((target) => [target, []]));
    if (limit === undefined) this.deal(request, lists, await this.searchAll(request, targets));
    for (let open = targets; limit !== undefined && limit > 0 && open.length > 0;) {
      const { resources, next } = await this.searchPage(request, open, limit * open.length);
      const round = new Map<string, JsonObject[]>(open.map((target) => [target, []]));
      this.deal(request, round, resources);
      const done = open.filter((target) => next === undefined || (round.get(target)?.length ?? 0) >= limit);
      for (const target of done) lists.set(target, round.get(target)?.slice(0, limit) ?? []);
      open = open.filter((target) => !done.includes(target));
      // References that the index finds and `deal` does not know could leave every list open for ever.
      if (done.length === 0) {
        for (const target of open) lists.set(target, await this.listOf(request, target, limit));
        open = [];
      }
    }
    return lists;
  }

  private async listOf(request: ListRequest, target: string, limit: number): Promise<JsonObject[]> {
    return (await this.searchAll(request, [target], limit)).slice(0, limit);
  }

  /** Page by page, until there are `enough` or no more. */
  private async searchAll(
    request: ListRequest,
    targets: readonly string[],
    enough = Number.POSITIVE_INFINITY,
  ): Promise<JsonObject[]> {
    const all: JsonObject[] = [];
    let cursor: string | undefined;
    do {
      const page = await this.searchPage(request, targets, enough, cursor);
      all.push(...page.resources);
      cursor = page.next;
    } while (cursor !== undefined && all.length < enough);
    return all;
  }

  private searchPage(
    { type, code, parameters }: ListRequest,
    targets: readonly string[],
    count: number,
    cursor?: string,
  ): Promise<FoundPage> {
    return this.search(type, [
      ...parameters,
      [code, targets.join(',')],
      ['_count', String(Math.min(count, maxPage))],
      ...(cursor === undefined ? [] : [['_cursor', cursor] as const]),
    ]);
  }

  /** Puts each resource into the lists of what it points to. */
  private deal(request: ListRequest, lists: Map<string, JsonObject[]>, resources: readonly JsonObject[]): void {
    const { version, ownBaseUrls } = this.source;
    const parameter = version.searchParameters(request.type).get(request.code);
    if (parameter === undefined) throw new Error(`${request.type} has no search parameter ${request.code}`);
    for (const resource of resources) {
      const texts = parameter.evaluate(resource).map(({ value }) => referenceText(value));
      const targets = new Set(texts.map((text) => localReference(text, ownBaseUrls)?.address));
      for (const target of targets) if (target !== undefined) lists.get(target)?.push(resource);
    }
  }
}

/** The text of a Reference, a CodeableReference or a canonical. */
function referenceText(value: JsonValue | undefined): string {
  if (typeof value === 'string') return value;
  return isJsonObject(value) ? referenceText(value.reference) : '';
}

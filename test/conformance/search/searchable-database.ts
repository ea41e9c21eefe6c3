/** A tenant database into which resources are put, and searched, as the store does both. */
import { fhirVersion, isJsonObject, readResource, type FhirVersion, type JsonObject } from '#fhir';
import {
  matchesCriteria,
  parseSearchAt,
  planSearch,
  tokenHasher,
  toSql,
  unrestricted,
  type MatchContext,
  type SearchRequest,
} from '#fhir-search';
import { compiledSql, sql } from '#postgres';
import { aTenant, baseUrl, type TestTenant } from '../../integration/store.fixture.js';
import { identityOf } from '../identity.js';

export const version = fhirVersion('R4');
export const hasher = tokenHasher(Buffer.alloc(32, 7));
/** The present of all searches, on which `ap` depends. */
export const now = new Date('2026-11-21T00:00:00Z');

export interface Page {
  /** `Type/id` of the hits, in order. */
  readonly ids: string[];
  /** `Type/id` of the included resources, in order. */
  readonly included: string[];
  readonly total?: number;
  readonly next?: string;
}

export class SearchableDatabase {
  private lastNumber = 0;
  /** What is stored, by `Type/id`, as searches see it. */
  readonly stored = new Map<string, JsonObject>();

  private constructor(
    readonly version: FhirVersion,
    private readonly tenant: TestTenant,
  ) {}

  /** An empty one, of the FHIR version with that label. */
  static async create(label = 'R4'): Promise<SearchableDatabase> {
    return new SearchableDatabase(fhirVersion(label), await aTenant(label));
  }

  close(): Promise<void> {
    return this.tenant.close();
  }

  /** Puts resources in, in this order; each is last updated one second after the one before. */
  async put(...resources: readonly JsonObject[]): Promise<void> {
    // In extended mode the resources say where they are filed.
    const repository = await this.tenant.repository({ extended: true });
    for (const resource of resources) {
      const { type, id, address } = identityOf(resource);
      const { version } = await repository.update(type, id, readResource(JSON.stringify(resource)));
      const { compartment } = JSON.parse(`{${version.extendedMeta}}`) as JsonObject;
      const at = new Date(Date.UTC(2026, 0, 1) + ++this.lastNumber * 1000).toISOString();
      await this.tenant.owner.query(
        sql`UPDATE resource SET last_updated = ${at} WHERE type = ${type} AND fhir_id = ${id}`,
      );
      const meta = isJsonObject(resource['meta']) ? resource['meta'] : {};
      const filed = compartment === undefined ? {} : { compartment };
      this.stored.set(address, { ...resource, meta: { ...meta, ...filed, lastUpdated: at } });
    }
  }

  /** Puts many resources in at once, and leaves the database as its upkeep would. They cannot be judged in memory. */
  async putMany(resources: readonly JsonObject[]): Promise<void> {
    const repository = await this.tenant.repository();
    for (let from = 0; from < resources.length; from += entriesPerBundle) {
      const entry = resources.slice(from, from + entriesPerBundle).map((resource) => {
        const { address } = identityOf(resource);
        return { resource, request: { method: 'PUT', url: address } };
      });
      await repository.processBundle(JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry }), baseUrl);
    }
    await this.tenant.owner.query(
      sql`UPDATE resource SET last_updated = '2026-01-01T00:00:00Z'::timestamptz + id * interval '1 second'`,
    );
    await this.tenant.owner.query(sql`VACUUM ANALYZE`);
  }

  /**
   * The plan of the statement that finds the first page of a search: its nodes, one a line and indented by depth. A
   * statement that is prepared once is planned for any values, as it is then; others for the values that they have.
   */
  async explain(search: string): Promise<string> {
    const plan = planSearch(this.version, this.parse(search), this.tenant.tenant.hasher, unrestricted);
    const { name, text, values } = toSql(plan);
    const explained = await this.tenant.owner.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
      compiledSql(
        name === undefined
          ? { text: `EXPLAIN (FORMAT JSON) ${text}`, values }
          : { text: `EXPLAIN (FORMAT JSON, GENERIC_PLAN) ${text}`, values: [] },
      ),
    );
    const root = explained[0]?.['QUERY PLAN'][0].Plan;
    return root === undefined
      ? ''
      : [name === undefined ? 'planned for its values' : 'prepared', ...linesOf(root)].join('\n');
  }

  /** Gives the resources of a type `rows` texts each, all of which start with `text`, as if their `code` had them. */
  async addTexts(type: string, code: string, text: string, rows: number): Promise<void> {
    const { key } = this.version.searchParameters(type).get(code) ?? {};
    await this.tenant.owner.query(sql`
      INSERT INTO resource_string (parameter, value, original, resource_id)
      SELECT ${key}::int4, ${text}::text || n, ${text}::text || n, r.id
      FROM resource r, generate_series(1, ${rows}::int4) n WHERE r.type = ${type} AND NOT r.deleted`);
  }

  async delete(type: string, id: string): Promise<void> {
    await (await this.tenant.repository()).delete(type, id);
    this.stored.delete(`${type}/${id}`);
  }

  async analyze(): Promise<void> {
    await this.tenant.owner.query(sql`ANALYZE`);
  }

  /** Answers a search as the server does. Throws OutcomeError when it is refused. */
  async search(search: string): Promise<Page> {
    const request = this.parse(search);
    const { hits, included, total, next } = await (await this.tenant.repository()).search(request);
    return {
      ids: hits.map((hit) => `${hit.type}/${hit.id}`),
      included: included.map((resource) => `${resource.type}/${resource.id}`),
      ...(total === undefined ? {} : { total }),
      ...(next === undefined ? {} : { next }),
    };
  }

  /** `Type/id` of all resources that the criteria of a search fit, judged in memory and in no order. */
  judge(search: string): string[] {
    const request = this.parse(search);
    const context: MatchContext = {
      ownBaseUrls: [baseUrl],
      others: {
        find: (type, id) => this.stored.get(`${type}/${id}`),
        ofType: (type) => this.ofType(type),
      },
    };
    return [request, ...request.furtherTypes].flatMap(({ type, criteria }) => {
      const all = this.ofType(type);
      const fitting = all.filter((resource) => matchesCriteria(this.version, criteria, resource, context));
      return fitting.map((resource) => identityOf(resource).address);
    });
  }

  private ofType(type: string): JsonObject[] {
    return [...this.stored.values()].filter(({ resourceType }) => resourceType === type);
  }

  /** The request that a search is. Throws OutcomeError when it is refused. */
  parse(search: string): SearchRequest {
    const at = search.indexOf('?');
    const options = { handling: 'strict', ownBaseUrls: [baseUrl], now } as const;
    return parseSearchAt(this.version, search.slice(0, at), search.slice(at + 1), options);
  }
}

const entriesPerBundle = 250;

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly Plans?: readonly PlanNode[];
}

function linesOf(node: PlanNode, depth = 1): string[] {
  const place = [node['Index Name'] ?? node['Relation Name']].filter((name) => name !== undefined);
  const line = '  '.repeat(depth) + [node['Node Type'], ...place].join(' ');
  return [line, ...(node.Plans ?? []).flatMap((inner) => linesOf(inner, depth + 1))];
}

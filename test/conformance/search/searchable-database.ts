/** A database with the tenant schema, into which resources are put the short way: as rows with their index. */
import { fhirVersion, type JsonObject } from '#fhir';
import {
  decodeCursor,
  encodeCursor,
  indexResource,
  parseSearch,
  planSearch,
  toCountSql,
  toSql,
  tokenHasher,
  type CountRow,
  type SearchRow,
} from '#fhir-search';
import { tenantMigrations } from '#migrations/tenant';
import { compiledSql, connectOnce, sql, type Connection, type OwnedConnection } from '#postgres';
import { aDatabase } from '#testing';
import type { QueryRunner } from 'typeorm';

export const version = fhirVersion('R4');
export const hasher = tokenHasher(Buffer.alloc(32, 7));
const ownBaseUrl = 'https://quay.example/fhir/R4/';
/** The present of all searches, on which `ap` depends. */
export const now = new Date('2026-11-21T00:00:00Z');
const cursorKey = Buffer.alloc(32, 9);

export interface Page {
  /** `Type/id` of the hits, in order. */
  readonly ids: string[];
  readonly total?: number;
  readonly next?: string;
}

export class SearchableDatabase {
  private lastId = 0;

  private constructor(
    private readonly connection: OwnedConnection,
    private readonly dropDatabase: () => Promise<void>,
  ) {}

  static async create(): Promise<SearchableDatabase> {
    const database = await aDatabase();
    const connection = await connectOnce(database.url);
    const runner = { query: (text: string) => connection.query(compiledSql({ text, values: [] })) };
    for (const Migration of tenantMigrations) await new Migration().up(runner as unknown as QueryRunner);
    return new SearchableDatabase(connection, () => database.drop());
  }

  async close(): Promise<void> {
    await this.connection.close();
    await this.dropDatabase();
  }

  /** Puts resources in, in this order; each is last updated one second after the one before. */
  async put(...resources: JsonObject[]): Promise<void> {
    await this.connection.transaction(async (connection) => {
      for (const resource of resources) await this.insert(connection, resource);
    });
  }

  async delete(type: string, id: string): Promise<void> {
    await this.removeIndex(type, id);
    await this.connection.query(
      sql`UPDATE resource SET deleted = true, tok = '{}' WHERE type = ${type} AND fhir_id = ${id}`,
    );
  }

  async analyze(): Promise<void> {
    await this.connection.query(sql`ANALYZE`);
  }

  /** Runs a search as the store does it: the total if asked for, then the page. */
  async search(type: string, query: string): Promise<Page> {
    const request = parseSearch(version, type, query, { handling: 'strict', ownBaseUrls: [ownBaseUrl], now });
    const plan = planSearch(version, request, hasher, decodeCursor(cursorKey, request));
    const total = request.total === 'accurate' ? await this.count(plan) : undefined;
    if (plan.count === 0) return { ids: [], total };
    const rows = await this.connection.query<SearchRow>(compiledSql(toSql(plan)));
    const hits = rows.filter((row): row is SearchRow & { id: string } => row.id !== null);
    const page = hits.slice(0, plan.count);
    const last = page.at(-1);
    const values = plan.order.map((_, index) => last?.[`s${index + 1}`] ?? null);
    return {
      ids: page.map((row) => `${row.type}/${row.fhir_id}`),
      ...(total === undefined ? {} : { total }),
      ...(hits.length > plan.count && last ? { next: encodeCursor(cursorKey, request, { id: last.id, values }) } : {}),
    };
  }

  /** The rows themselves, for what `search` does not show. */
  async rows(type: string, query: string): Promise<SearchRow[]> {
    const request = parseSearch(version, type, query, { handling: 'strict' });
    return this.connection.query<SearchRow>(compiledSql(toSql(planSearch(version, request, hasher))));
  }

  /** Whether `resource` is among the answers to `query`, however many there are. */
  async finds(resource: JsonObject, query: string): Promise<boolean> {
    const { resourceType, id } = identityOf(resource);
    const { ids } = await this.search(resourceType, `${query}&_count=1000`);
    return ids.includes(`${resourceType}/${id}`);
  }

  private async count(plan: ReturnType<typeof planSearch>): Promise<number> {
    const [row] = await this.connection.query<CountRow>(compiledSql(toCountSql(plan)));
    return Number(row?.total);
  }

  private async removeIndex(type: string, id: string): Promise<void> {
    const of = sql`(SELECT r.id FROM resource r WHERE r.type = ${type} AND r.fhir_id = ${id})`;
    await this.connection.query(sql`DELETE FROM resource_reference WHERE resource_id = ${of}`);
    await this.connection.query(sql`DELETE FROM resource_string WHERE resource_id = ${of}`);
    await this.connection.query(sql`DELETE FROM resource_date WHERE resource_id = ${of}`);
  }

  private async insert(connection: Connection, resource: JsonObject): Promise<void> {
    const { resourceType, id } = identityOf(resource);
    const number = ++this.lastId;
    const lastUpdated = new Date(Date.UTC(2026, 0, 1) + number * 1000).toISOString();
    const { tokens, references, strings, dates } = indexResource(version, hasher, resource, [ownBaseUrl]);
    await connection.query(
      sql`INSERT INTO resource (id, type, fhir_id, version, last_updated, body, tok)
          VALUES (${number}, ${resourceType}, ${id}, ${number}, ${lastUpdated}, ${JSON.stringify(resource)}, ${tokens}::uuid[])`,
    );
    await connection.query(
      sql`INSERT INTO resource_reference (parameter, target, ord, resource_id)
          SELECT j.parameter, j.target, j.ord, ${number}
          FROM jsonb_to_recordset(${JSON.stringify(references)}) AS j(parameter int4, target uuid, ord timestamptz)`,
    );
    await connection.query(
      sql`INSERT INTO resource_string (parameter, value, original, resource_id)
          SELECT j.parameter, j.value, j.original, ${number}
          FROM jsonb_to_recordset(${JSON.stringify(strings)}) AS j(parameter int4, value text, original text)`,
    );
    await connection.query(
      sql`INSERT INTO resource_date (parameter, lower, upper, irregular, resource_id)
          SELECT j.parameter, j.lower, j.upper, j.irregular, ${number}
          FROM jsonb_to_recordset(${JSON.stringify(dates)})
            AS j(parameter int4, lower timestamptz, upper timestamptz, irregular bool)`,
    );
  }
}

function identityOf(resource: JsonObject): { resourceType: string; id: string } {
  const { resourceType, id } = resource;
  if (typeof resourceType !== 'string' || typeof id !== 'string')
    throw new Error('A resource here has a type and an id.');
  return { resourceType, id };
}

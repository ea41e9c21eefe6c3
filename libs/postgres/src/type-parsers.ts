import pg from 'pg';

const parsed = new Set<number>([
  pg.types.builtins.BOOL,
  pg.types.builtins.BYTEA,
  pg.types.builtins.INT2,
  pg.types.builtins.INT4,
  pg.types.builtins.OID,
  pg.types.builtins.FLOAT4,
  pg.types.builtins.FLOAT8,
  pg.types.builtins.JSON,
  pg.types.builtins.JSONB,
  1007, // int4[]
  1009, // text[]
]);

const asText = (text: string): string => text;

/**
 * How values are read, per connection (pg's own table is global and shared with TypeORM). What a JavaScript number or
 * Date cannot hold exactly, microseconds and 64-bit integers, stays text.
 */
export const typeParsers: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    parsed.has(oid) ? (pg.types.getTypeParser(oid, format ?? 'text') as unknown) : asText) as never,
};

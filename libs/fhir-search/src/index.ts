export { tokenHasher, type TokenHasher } from './token-hasher.js';
export type * from './search-request.js';
export type * from './search-plan.js';
export type * from './index-rows.js';
export { parseSearch, type ParseOptions } from './parse-search.js';
export { planSearch } from './plan-search.js';
export { toCountSql, toSql } from './sql/to-sql.js';
export { decodeCursor, encodeCursor } from './cursor.js';
export { indexResource } from './index-resource.js';

import type { OrderKey } from '../search-plan.js';
import type { Parameters } from './parameters.js';
import { isSideKey, rowsOfKey, sideTables } from './select.js';

/** A key that every resource has, as a column by which it may be indexed. */
export type ColumnKey = Extract<OrderKey, { by: 'id' | 'last-updated' }>;

export const isColumn = (key: OrderKey): key is ColumnKey => key.by === 'id' || key.by === 'last-updated';

export const columnValue = ({ by }: ColumnKey): string => (by === 'id' ? 'r.fhir_id' : 'r.last_updated');

/** The value of the key for the resource `r`, whichever table holds it; of several the least. */
export function sortValue(key: OrderKey, parameters: Parameters): string {
  if (isColumn(key)) return columnValue(key);
  if (!isSideKey(key)) return `(r.sort_texts ->> ${parameters.add(key.code, 'text')})`;
  const { table, column } = sideTables[key.by];
  const ofKey = rowsOfKey(key, parameters);
  return `(SELECT min(l.${column}) FROM ${table} l WHERE l.resource_id = r.id AND ${ofKey('l')})`;
}

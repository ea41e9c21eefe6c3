import type { OrderKey } from '../search-plan.js';
import { greatestText } from '../token-texts.js';
import type { Parameters } from './parameters.js';
import { isSideKey, rowsOfKey, sideTables } from './select.js';

/** A key that every resource has, as a column by which it may be indexed. */
export type ColumnKey = Extract<OrderKey, { by: 'id' | 'last-updated' }>;

export const isColumn = (key: OrderKey): key is ColumnKey => key.by === 'id' || key.by === 'last-updated';

export const columnValue = ({ by }: ColumnKey): string => (by === 'id' ? 'r.fhir_id' : 'r.last_updated');

/**
 * The value of the key for the resource `r`, whichever table holds it: of several the one that comes first in the order,
 * the least or the greatest (https://hl7.org/fhir/R4/search.html#sort).
 */
export function sortValue(key: OrderKey, parameters: Parameters): string {
  if (isColumn(key)) return columnValue(key);
  if (!isSideKey(key)) return textValue(key, parameters);
  const { table, column } = sideTables[key.by];
  const ofKey = rowsOfKey(key, parameters);
  return `(SELECT ${key.descending ? 'max' : 'min'}(l.${column}) FROM ${table} l WHERE l.resource_id = r.id AND ${ofKey('l')})`;
}

function textValue({ code, descending }: Extract<OrderKey, { by: 'text' }>, parameters: Parameters): string {
  const least = `r.sort_texts ->> ${parameters.add(code, 'text')}`;
  return descending
    ? `coalesce(r.sort_texts ->> ${parameters.add(greatestText(code), 'text')}, ${least})`
    : `(${least})`;
}

/**
 * The number by which side tables of a tenant database name a search parameter: 32-bit FNV-1a of `Type|code`, as a
 * signed integer. It is stored, so it must never change. http://www.isthe.com/chongo/tech/comp/fnv/
 */
export function parameterKey(resourceType: string, code: string): number {
  const name = `${resourceType}|${code}`;
  let hash = 0x811c9dc5;
  for (let index = 0; index < name.length; index++) hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193);
  return hash | 0;
}

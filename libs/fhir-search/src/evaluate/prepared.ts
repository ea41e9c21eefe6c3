/**
 * What is wanted is brought into the form in which it is compared once for all resources of a search, and not again with
 * each value of each of them. `wanted` is not changed afterwards, as criteria never are.
 */
export function preparedOnce<Prepared>(
  prepare: (wanted: readonly string[]) => Prepared,
): (wanted: readonly string[]) => Prepared {
  const known = new WeakMap<readonly string[], { readonly prepared: Prepared }>();
  return (wanted) => {
    let found = known.get(wanted);
    if (found === undefined) known.set(wanted, (found = { prepared: prepare(wanted) }));
    return found.prepared;
  };
}

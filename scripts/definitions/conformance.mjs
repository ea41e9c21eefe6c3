/** `compartments.json` and `operations.json`. */

/** By compartment and resource type, the codes of the parameters that put a resource into the compartment. */
export function compartments(definitions) {
  return definitions.map(({ code, url, resource }) => ({
    code,
    url,
    resource: Object.fromEntries(
      resource.filter(({ param }) => param?.length > 0).map(({ code: type, param }) => [type, param]),
    ),
  }));
}

/** The operations, with their parameters. */
export function operations(definitions) {
  return definitions.map(({ url, code, name, resource, system, type, instance, affectsState, parameter }) => ({
    url,
    code,
    name,
    resource,
    system,
    type,
    instance,
    affectsState,
    parameter: (parameter ?? []).map((entry) => ({
      name: entry.name,
      use: entry.use,
      min: entry.min,
      max: entry.max,
      type: entry.type,
      searchType: entry.searchType,
      targetProfile: entry.targetProfile,
      part: entry.part?.map((part) => ({ name: part.name, min: part.min, max: part.max, type: part.type })),
    })),
  }));
}

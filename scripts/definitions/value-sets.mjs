/**
 * Expands value sets from the code systems in the package. A set is expanded in full or not at all: one that is defined
 * by a filter, or that takes all of a code system which the package does not hold in full, stays open.
 */

/** A function from a value set's canonical URL to its codings `[system, code]`, or to `undefined` when it stays open. */
export function valueSetExpander(packageResources) {
  const valueSets = new Map(packageResources('ValueSet').map((valueSet) => [valueSet.url, valueSet]));
  const codeSystems = new Map();
  for (const codeSystem of packageResources('CodeSystem')) {
    if (!codeSystems.has(codeSystem.url)) codeSystems.set(codeSystem.url, codeSystem);
  }

  function expand(canonical, opened = new Set()) {
    const [url] = canonical.split('|');
    if (opened.has(url)) return undefined;
    opened.add(url);
    const { compose } = valueSets.get(url) ?? {};
    if (!compose) return undefined;
    const found = new Map();
    for (const include of compose.include) {
      const codings = expandInclude(include, opened);
      if (!codings) return undefined;
      for (const [key, coding] of codings) found.set(key, coding);
    }
    for (const exclude of compose.exclude ?? []) {
      if (exclude.filter || exclude.valueSet || !exclude.concept) return undefined;
      for (const { code } of exclude.concept) found.delete(keyOf(exclude.system, code));
    }
    return found;
  }

  /** The codings of one `include`: those of its system that are in each of its value sets too. */
  function expandInclude({ system, concept, filter, valueSet = [] }, opened) {
    if (filter) return undefined;
    const codes = concept?.map(({ code }) => code) ?? (system === undefined ? undefined : codesOf(system));
    if (system !== undefined && !codes) return undefined;
    let codings = codes && new Map(codes.map((code) => [keyOf(system, code), [system, code]]));
    for (const url of valueSet) {
      const other = expand(url, opened);
      if (!other) return undefined;
      codings = codings ? new Map([...codings].filter(([key]) => other.has(key))) : other;
    }
    return codings;
  }

  function codesOf(system) {
    const codeSystem = codeSystems.get(system);
    return codeSystem?.content === 'complete' ? allCodes(codeSystem.concept) : undefined;
  }

  return (canonical) => {
    const codings = expand(canonical);
    return codings && [...codings.values()];
  };
}

/** The codes of the concepts and of those below them, parents first. */
function allCodes(concepts = []) {
  return concepts.flatMap(({ code, concept }) => [code, ...allCodes(concept)]);
}

function keyOf(system, code) {
  return `${system}|${code}`;
}

/** Searches: every parameter of every type, every order, every way to go from one resource to another. */
import { RandomSearches } from '../../../conformance/search/random/random-searches.js';
import { identityOf } from '../../../conformance/identity.js';
import { marks } from '../canaries.js';
import type { Probe } from '../probe.js';
import { theirs } from '../samples-of-sides.js';
import type { Declared } from './declared.js';

const search = (family: string, query: string, more: Partial<Probe> = {}): Probe => ({
  family,
  path: `fhir/R4/${query}`,
  ...more,
});

/** Each parameter with values of the other side, alone and counted; by GET and by POST. */
export function parameterSearches(declared: Declared): Probe[] {
  const { random } = declared;
  return declared.types.flatMap(({ type, searchParam }) =>
    searchParam.flatMap(({ name }) => {
      const missing = `${name}:missing=${random.pick(['true', 'false'])}`;
      return [...declared.criteria(type, name, 3), missing].flatMap((criterion) => {
        const shown = random.pick(['', '&_summary=true', '&_elements=id,meta', '&_summary=data', '&_count=1']);
        return [
          search('parameter', `${type}?${criterion}${shown}`, { pages: true }),
          search(
            'total',
            `${type}?${criterion}&${random.pick(['_total=accurate', '_total=estimate', '_summary=count'])}`,
          ),
          ...(random.chance(0.2) ? [posted('parameter', `${type}/_search`, criterion)] : []),
        ];
      });
    }),
  );
}

const posted = (family: string, path: string, form: string): Probe => ({
  ...search(family, path),
  method: 'POST',
  headers: { 'content-type': 'application/x-www-form-urlencoded' },
  body: form,
});

/** Everything of a type, counted, shown in each way, in each order. */
export function typeSearches({ types }: Declared): Probe[] {
  return types.flatMap(({ type, searchParam }) => [
    ...['', '_total=accurate', '_summary=count', '_summary=true', '_summary=text', '_summary=data', '_elements=id'].map(
      (query) => search(query.includes('t') ? 'total' : 'type', `${type}?${query}`, { pages: true }),
    ),
    search('type', `${type}?_count=1`, { pages: true }),
    search('type', `${type}?_count=1&_offset=1`, { pages: true }),
    ...searchParam.flatMap(({ name }) =>
      ['', '-'].map((direction) => search('sort', `${type}?_sort=${direction}${name}&_count=2`, { pages: true })),
    ),
    search('list', `${type}?_list=far-list-1`),
  ]);
}

/** `_filter`, `_text` and `_content` with words of the other side. */
export function textSearches(declared: Declared): Probe[] {
  return declared.types.flatMap(({ type, searchParam }) => {
    const filters = searchParam
      .filter((parameter) => ['string', 'token', 'uri'].includes(parameter.type))
      .flatMap(({ name }) =>
        declared
          .valuesOf(type, name, 1)
          .filter(({ modifier }) => modifier === undefined)
          .map(({ text }) => `${name} ${declared.random.pick(['eq', 'co', 'sw', 'ne'])} ${JSON.stringify(text)}`),
      );
    const words = JSON.stringify(declared.theirsOf(type)).match(new RegExp(`${marks.theirs}[0-9a-z]+`, 'g')) ?? [];
    return [
      ...filters.map((filter) => search('filter', `${type}?_filter=${encodeURIComponent(filter)}&_total=accurate`)),
      ...words
        .slice(0, 3)
        .flatMap((word) => [
          search('text', `${type}?_content=${word}&_total=accurate`),
          search('text', `${type}?_text=${word}&_total=accurate`),
        ]),
    ];
  });
}

/** Chains over every reference, one step and two, and the same backwards, to values of the other side. */
export function chainSearches(declared: Declared): Probe[] {
  const known = new Set(declared.types.map(({ type }) => type));
  return declared.types.flatMap(({ type, searchParam }) =>
    searchParam
      .filter((parameter) => parameter.type === 'reference')
      .flatMap(({ name }) => {
        const targets = declared.parameter(type, name)?.targets ?? [];
        return targets
          .filter((target) => known.has(target))
          .flatMap((target) => {
            const forward = declared.anyCriterion(target);
            const backward = declared.anyCriterion(type);
            const further =
              forward === undefined ? undefined : stepBefore(declared, type, `${name}:${target}.${forward}`);
            return [
              ...(forward === undefined
                ? []
                : [search('chain', `${type}?${name}:${target}.${forward}&_total=accurate`)]),
              ...(backward === undefined
                ? []
                : [search('has', `${target}?_has:${type}:${name}:${backward}&_total=accurate`)]),
              ...(further === undefined ? [] : [search('chain', further)]),
            ];
          });
      }),
  );
}

/** A chain that leads to the chain. */
function stepBefore(declared: Declared, type: string, chain: string): string | undefined {
  for (const { type: source, searchParam } of declared.types) {
    const link = searchParam.find(({ name }) => declared.parameter(source, name)?.targets.includes(type));
    if (link !== undefined && declared.random.chance(0.2)) return `${source}?${link.name}:${type}.${chain}`;
  }
  return undefined;
}

/** Every include that the server declares, in both directions, alone and repeated. */
export function includeSearches({ types, random }: Declared): Probe[] {
  const known = new Set(types.map(({ type }) => type));
  return types.flatMap(({ type, searchInclude, searchRevInclude = [] }) => [
    ...searchInclude.map((link) => search('include', `${type}?_include=${link}`)),
    search('include', `${type}?_include=*&_include:iterate=*`),
    ...searchRevInclude
      .filter((link) => known.has(link.split(':')[0] ?? ''))
      .map((link) =>
        search('revinclude', `${type}?_revinclude=${link}${random.chance(0.2) ? '&_include:iterate=*' : ''}`),
      ),
    search('revinclude', `${type}?_revinclude=*`),
    search('revinclude', `${type}?_revinclude=*&_include=*&_revinclude:iterate=*`),
  ]);
}

/** Compartments of both sides, and searches over several types or all. */
export function compartmentAndSystemSearches(declared: Declared): Probe[] {
  const { types, random, theirs: resources } = declared;
  const owners = [...declared.ours, ...resources]
    .map(identityOf)
    .filter(({ type }) => ['Patient', 'Practitioner', 'Encounter', 'RelatedPerson', 'Device'].includes(type));
  const some = resources.map(identityOf);
  const ids = () => Array.from({ length: 4 }, () => random.pick(some).id).join(',');
  return [
    ...owners.flatMap(({ address }) => [
      search('compartment', `${address}/*`, { pages: true }),
      ...types.filter(() => random.chance(0.3)).map(({ type }) => search('compartment', `${address}/${type}`)),
    ]),
    ...types.flatMap(({ type }) => [
      search('system', `?_type=Patient,${type}&_total=accurate`),
      search('system', `?_type=${type}&_id=${ids()}`),
      search('compartment', `${type}?_compartment=${theirs}&_total=accurate`),
      search('compartment', `${type}?_compartment=Organization/ours-organization-1,${theirs}&_total=accurate`),
    ]),
    search('system', `?_id=${ids()}`),
    search('system', '?_count=7&_total=accurate', { pages: true }),
    search('system', `?_lastUpdated=gt2000-01-01&_count=50`, { pages: true }),
    search('system', `?_tag=${marks.theirs}later`),
    posted('system', '_search', `_id=${ids()}`),
  ];
}

/** Searches that mix all of it. */
export function randomSearches({ version, ours, theirs: resources, random }: Declared, count: number): Probe[] {
  const searches = new RandomSearches(version, [...resources, ...ours], random);
  return Array.from({ length: count }, () => {
    const query = searches.next();
    return search('random', `${query}&_total=accurate`);
  });
}

/** GraphQL: by id, lists, connections, what is referred to and what refers, counts. */
import { identityOf } from '../../../conformance/identity.js';
import type { Probe } from '../probe.js';
import type { Declared } from './declared.js';

const ask = (query: string, more: Partial<Probe> = {}): Probe => ({
  family: 'graphql',
  path: 'fhir/R4/$graphql',
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ query }),
  ...more,
});

const named = (code: string): string => code.replaceAll('-', '_');

/** Queries of every kind over every type, with values and ids of the other side. */
export function graphqlQueries(declared: Declared): Probe[] {
  const known = new Set(declared.types.map(({ type }) => type));
  return declared.types.flatMap(({ type, searchParam }) => {
    const identities = [...declared.theirsOf(type), ...declared.oursOf(type)].map(identityOf);
    const byId = identities.map(({ id }, place) => `r${place}: ${type}(id: "${id}") { id meta { tag { code } } }`);
    const references = searchParam.filter((parameter) => parameter.type === 'reference');
    const valued = searchParam.flatMap(({ name }) =>
      declared
        .valuesOf(type, name, 1)
        .filter(({ modifier }) => modifier === undefined)
        .map(({ text }) => `${named(name)}: ${JSON.stringify(text)}`),
    );
    const [first] = declared.oursOf(type).map(identityOf);
    return [
      ...identities
        .filter(({ id }) => !id.startsWith('ours-'))
        .map(({ id }) => ask(`{ ${type}(id: "${id}") { id } }`, { namesTheirs: true })),
      ask(`{ ${byId.join(' ')} }`, { namesTheirs: true }),
      ask(
        `{ ${type}List(_count: 100, _sort: "_id") { id meta { tag { code } } ${nestedReferences(declared, type)} } }`,
        {
          namesTheirs: true,
        },
      ),
      ask(`{ ${type}Connection { count edges { resource { id } } } }`),
      ...valued.flatMap((argument) => [
        ask(`{ ${type}List(${argument}) { id } }`),
        ask(`{ ${type}Connection(${argument}) { count } }`),
      ]),
      ...(first === undefined
        ? []
        : references
            .flatMap(({ name }) => declared.parameter(type, name)?.targets ?? [])
            .filter((target) => known.has(target))
            .slice(0, 3)
            .flatMap((target) => reverseOf(declared, type, target))),
    ];
  });
}

/** The first level of every reference of the type, with what it leads to. */
function nestedReferences({ version }: Declared, type: string): string {
  const references = (version.structure(type) ?? []).filter((element) => element.type === 'Reference');
  return references
    .map(({ name }) => `${name} { reference resource { __typename ... on Patient { name { family } } } }`)
    .join(' ');
}

/** What of `type` refers to resources of `target` that the crawler has. */
function reverseOf(declared: Declared, type: string, target: string): Probe[] {
  const { searchParam } = declared.types.find((other) => other.type === type) ?? { searchParam: [] };
  const link = searchParam.find(({ name }) => declared.parameter(type, name)?.targets.includes(target));
  const id = declared.oursOf(target).map((resource) => identityOf(resource).id)[0];
  if (link === undefined || id === undefined) return [];
  const list = `${type}List(_reference: ${named(link.name)}, _count: 100) { id }`;
  const connection = `${type}Connection(_reference: ${named(link.name)}) { count }`;
  return [ask(`{ ${target}(id: "${id}") { id ${list} } }`), ask(`{ ${target}(id: "${id}") { ${connection} } }`)];
}

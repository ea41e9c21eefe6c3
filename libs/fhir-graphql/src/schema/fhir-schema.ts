/** The GraphQL schema of a FHIR version. It holds nothing of any project, so all projects of the version share it. */
import { GraphQLID, GraphQLNonNull, GraphQLObjectType, GraphQLSchema, type GraphQLFieldConfig } from 'graphql';
import type { FhirVersion } from '#fhir';
import type { GraphqlContext } from '../execution/graphql-context.js';
import { resolveCreate, resolveDelete, resolveUpdate } from '../execution/mutations.js';
import { resolveRead } from '../execution/references.js';
import { directives } from './directives.js';
import { elementTypes, type ElementTypes } from './element-types.js';
import { ResourceInputScalar } from './scalars.js';
import { SearchFields } from './search-fields.js';

type FieldConfig = GraphQLFieldConfig<unknown, GraphqlContext>;

const made = new WeakMap<FhirVersion, GraphQLSchema>();

/** The schema of `version`, made at the first call and then kept: some 300 ms and 20 to 30 MB. */
export function fhirSchema(version: FhirVersion): GraphQLSchema {
  let schema = made.get(version);
  if (schema === undefined) {
    schema = makeSchema(version, { onlySpecific: false });
    made.set(version, schema);
  }
  return schema;
}

/**
 * The schema as introspection shows it; made anew each time. It lacks the lists of what points to a resource by a
 * parameter that may point to nearly every type (`Task.focus`, `Provenance.target`): with them, every type would have
 * hundreds of fields, and the description of R5 would be 260 MB.
 */
export const describedSchema = (version: FhirVersion): GraphQLSchema => makeSchema(version, { onlySpecific: true });

function makeSchema(version: FhirVersion, { onlySpecific }: { onlySpecific: boolean }): GraphQLSchema {
  const types: ElementTypes = elementTypes(version, (target) => search.reverseFields(target));
  const search = new SearchFields(version, types, onlySpecific);
  const { resourceTypes } = version;
  return new GraphQLSchema({
    query: new GraphQLObjectType({
      name: 'Query',
      fields: () =>
        Object.assign(
          {},
          ...resourceTypes.map((type) => ({ ...readField(type, types), ...search.rootFields(type) })),
        ) as Record<string, FieldConfig>,
    }),
    mutation: new GraphQLObjectType({
      name: 'Mutation',
      fields: () =>
        Object.assign({}, ...resourceTypes.map((type) => writeFields(type, types))) as Record<string, FieldConfig>,
    }),
    types: resourceTypes.map((type) => types.objectType(type)),
    directives,
    // Checked by a unit test instead of at run time, where it would take longer than making the schema.
    assumeValid: true,
  });
}

function readField(type: string, types: ElementTypes): Record<string, FieldConfig> {
  return { [type]: { type: types.objectType(type), args: { id: idArgument }, resolve: resolveRead(type) } };
}

/** https://hl7.org/fhir/R4/graphql.html#mutations */
function writeFields(type: string, types: ElementTypes): Record<string, FieldConfig> {
  const res = { type: new GraphQLNonNull(ResourceInputScalar) };
  const result = types.objectType(type);
  return {
    [`${type}Create`]: { type: result, args: { res }, resolve: resolveCreate(type) },
    [`${type}Update`]: { type: result, args: { id: idArgument, res }, resolve: resolveUpdate(type) },
    [`${type}Delete`]: { type: result, args: { id: idArgument }, resolve: resolveDelete(type) },
  };
}

const idArgument = { type: new GraphQLNonNull(GraphQLID) };

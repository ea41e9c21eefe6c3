/** #fhir-graphql: `$graphql` over a source of resources that its caller implements (https://hl7.org/fhir/R4/graphql.html). */
export { executeGraphql, isMutation, type GraphqlRequest } from './execution/execute-graphql.js';
export type { GraphqlAnswer } from './execution/answer-text.js';
export type {
  GraphqlSource,
  GraphqlWriter,
  ResourceIdentity,
  SearchPage,
  SearchParameters,
  SourceResource,
} from './graphql-source.js';

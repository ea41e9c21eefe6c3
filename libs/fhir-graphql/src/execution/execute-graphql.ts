import { execute, GraphQLError, OperationTypeNode, type DocumentNode, type OperationDefinitionNode } from 'graphql';
import { OutcomeError, type FhirVersion } from '#fhir';
import { assertValueNesting } from '../document/nesting.js';
import { assertAffordable } from '../document/request-cost.js';
import {
  DocumentErrors,
  instanceField,
  instanceVariable,
  operationOf,
  prepareDocument,
} from '../document/prepare-document.js';
import type { GraphqlSource, ResourceIdentity } from '../graphql-source.js';
import { fhirSchema } from '../schema/fhir-schema.js';
import { answerOf, tooMuch, type GraphqlAnswer } from './answer-text.js';
import { GraphqlContext } from './graphql-context.js';
import { answerIntrospection } from './introspection.js';
import { changesShape, shapeResult } from './shape-result.js';

export interface GraphqlRequest {
  readonly query: string;
  readonly operationName?: string;
  readonly variables?: Readonly<Record<string, unknown>>;
  /** The resource that the query is about, for a request below its address. */
  readonly instance?: ResourceIdentity;
}

/**
 * Runs a request and returns the answer in GraphQL's form. 200: there is `data`, and perhaps `errors` about some of its
 * fields; 400: nothing was run or the request went beyond its limits; 405: a mutation where nothing may be changed.
 *
 * Throws what the source throws, except OutcomeErrors about fields: those stand in `errors`. For a request about an
 * instance, throws the OutcomeError that says why the resource cannot be shown.
 */
export async function executeGraphql(source: GraphqlSource, request: GraphqlRequest): Promise<GraphqlAnswer> {
  const { instance } = request;
  const variables = { ...request.variables, ...(instance === undefined ? {} : { [instanceVariable]: instance.id }) };
  let document: DocumentNode;
  let operation: OperationDefinitionNode;
  try {
    assertValueNesting(variables);
    const prepared = prepareDocument(source.version, request.query, instance?.type);
    document = prepared.document;
    operation = operationOf(document, request.operationName);
    if (prepared.question !== 'nothing')
      return answerIntrospection(source.version, prepared, { ...request, variables });
    assertAffordable(document, operation, variables);
  } catch (error) {
    return answerOf(400, { errors: documentErrors(error) });
  }
  if (operation.operation === OperationTypeNode.MUTATION && source.writer === undefined) {
    const error = new GraphQLError('Mutations must be sent by POST.', { nodes: operation });
    return answerOf(405, { errors: [error] });
  }
  return run(source, request, document, operation, variables);
}

/** Whether the request would change something. A request that cannot be run at all does not. */
export function isMutation(version: FhirVersion, { query, operationName, instance }: GraphqlRequest): boolean {
  try {
    const { document } = prepareDocument(version, query, instance?.type);
    return operationOf(document, operationName).operation === OperationTypeNode.MUTATION;
  } catch (error) {
    if (error instanceof DocumentErrors) return false;
    throw error;
  }
}

async function run(
  source: GraphqlSource,
  { query, operationName, instance }: GraphqlRequest,
  document: DocumentNode,
  operation: OperationDefinitionNode,
  variableValues: Record<string, unknown>,
): Promise<GraphqlAnswer> {
  const schema = fhirSchema(source.version);
  const context = new GraphqlContext(source);
  const { data, errors = [] } = await execute({
    schema,
    document,
    contextValue: context,
    variableValues,
    operationName,
  });
  for (const { originalError } of errors) {
    if (originalError && !isForClient(originalError)) throw originalError;
  }
  if (context.budget.isExceeded) return tooMuch(context.budget.excess);
  if (data === undefined) return answerOf(400, { errors });
  const shown = instance === undefined ? errors : errorsOfInstance(errors);
  if (!data || !changesShape(query)) return answerOf(200, { data: rootOf(data, instance), errors: shown });
  try {
    const shaped = shapeResult(data, operation, { document, schema, slices: context.slices });
    return answerOf(200, { data: rootOf(shaped, instance), errors: shown });
  } catch (error) {
    if (!(error instanceof GraphQLError)) throw error;
    return answerOf(400, { errors: [error, ...shown] });
  }
}

/** GraphQL's own errors are about the request; so are the outcomes of single fields. */
const isForClient = (error: Error): boolean => error instanceof OutcomeError || error instanceof GraphQLError;

function documentErrors(error: unknown): readonly GraphQLError[] {
  if (error instanceof DocumentErrors) return error.errors;
  if (error instanceof GraphQLError) return [error];
  throw error;
}

const rootOf = (data: Record<string, unknown> | null, instance: ResourceIdentity | undefined): unknown =>
  instance === undefined ? data : data?.[instanceField];

/** Paths as the client knows them. Throws when the resource itself is what cannot be shown. */
function errorsOfInstance(errors: readonly GraphQLError[]): GraphQLError[] {
  return errors.map((error) => {
    const { path = [], originalError } = error;
    if (path.length === 1 && originalError instanceof OutcomeError) throw originalError;
    return new GraphQLError(error.message, { nodes: error.nodes, path: path.slice(1), originalError });
  });
}

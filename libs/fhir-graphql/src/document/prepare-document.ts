/** From the text of a query to a document that can be run. The result depends on version and text alone and is kept. */
import { LRUCache } from 'lru-cache';
import {
  getOperationAST,
  GraphQLError,
  Kind,
  OperationTypeNode,
  parse,
  validate,
  type DocumentNode,
  type GraphQLSchema,
  type OperationDefinitionNode,
} from 'graphql';
import type { FhirVersion } from '#fhir';
import { fhirSchema } from '../schema/fhir-schema.js';
import { assertDocumentLimits, documentLimits } from './document-limits.js';
import { schemaQuestion, type SchemaQuestion } from './introspection-fields.js';
import { assertTextNesting } from './nesting.js';
import { normaliseDocument } from './normalise.js';
import { validationRules } from './validation-rules.js';

/** A document that was checked. Questions about the schema are answered apart from all others. */
export interface PreparedDocument {
  readonly document: DocumentNode;
  readonly question: SchemaQuestion;
}

/** Documents ready to run, by version, type of the instance and text. Clients choose the texts, so memory is bounded. */
const prepared = new LRUCache<string, PreparedDocument>({
  max: 500,
  maxSize: 256 * 1024,
  sizeCalculation: (_, key) => key.length,
});

const maxErrors = 10;

/**
 * The document of `text`, valid for the schema of the version. With `instanceType` the query is about one resource of
 * that type, whose id is the variable `instanceVariable` and which stands under `instanceField` in the result. Throws
 * GraphQLErrors, at least one, for a text that is wrong or asks for too much.
 */
export function prepareDocument(version: FhirVersion, text: string, instanceType?: string): PreparedDocument {
  const key = `${version.id} ${instanceType ?? ''}\n${text}`;
  let found = prepared.get(key);
  if (found === undefined) {
    found = readDocument(version, text, instanceType);
    prepared.set(key, found);
  }
  return found;
}

/** Why a document cannot be run. */
export class DocumentErrors extends Error {
  override readonly name = 'DocumentErrors';

  constructor(readonly errors: readonly GraphQLError[]) {
    super(errors.map(({ message }) => message).join('; '));
  }
}

function readDocument(version: FhirVersion, text: string, instanceType: string | undefined): PreparedDocument {
  let document: DocumentNode;
  try {
    assertTextNesting(text, documentLimits.tokens);
    document = parse(text);
    assertDocumentLimits(document);
    const question = schemaQuestion(document);
    if (question !== 'nothing') return { document, question };
    if (instanceType !== undefined) document = aboutInstance(document, instanceType);
    document = normaliseDocument(fhirSchema(version), document);
  } catch (error) {
    throw error instanceof GraphQLError ? new DocumentErrors([error]) : error;
  }
  assertValid(fhirSchema(version), document);
  return { document, question: 'nothing' };
}

/** Throws DocumentErrors when the document does not fit the schema. */
export function assertValid(schema: GraphQLSchema, document: DocumentNode): void {
  const errors = validate(schema, document, validationRules, { maxErrors });
  if (errors.length > 0) throw new DocumentErrors(errors);
}

/** The name under which the resource of an instance query stands in the result. */
export const instanceField = 'instance';
/** The variable that holds its id. */
export const instanceVariable = '_instance';

/** `{ birthDate }` becomes `query ($_instance: ID!) { instance: Patient(id: $_instance) { birthDate } }`. */
function aboutInstance(document: DocumentNode, type: string): DocumentNode {
  const definitions = document.definitions.map((definition) =>
    definition.kind === Kind.OPERATION_DEFINITION ? operationAboutInstance(definition, type) : definition,
  );
  return { ...document, definitions };
}

function operationAboutInstance(operation: OperationDefinitionNode, type: string): OperationDefinitionNode {
  if (operation.operation !== OperationTypeNode.QUERY) {
    throw new GraphQLError('Only queries can be about one resource; send changes to the base URL.', {
      nodes: operation,
    });
  }
  const name = (value: string) => ({ kind: Kind.NAME, value }) as const;
  const variable = { kind: Kind.VARIABLE, name: name(instanceVariable) } as const;
  const idType = { kind: Kind.NON_NULL_TYPE, type: { kind: Kind.NAMED_TYPE, name: name('ID') } } as const;
  return {
    ...operation,
    variableDefinitions: [
      ...(operation.variableDefinitions ?? []),
      { kind: Kind.VARIABLE_DEFINITION, variable, type: idType },
    ],
    selectionSet: {
      kind: Kind.SELECTION_SET,
      selections: [
        {
          kind: Kind.FIELD,
          alias: name(instanceField),
          name: name(type),
          arguments: [{ kind: Kind.ARGUMENT, name: name('id'), value: variable }],
          selectionSet: operation.selectionSet,
        },
      ],
    },
  };
}

/** The operation of a document that is to run. Throws DocumentErrors when the name does not tell which one that is. */
export function operationOf(document: DocumentNode, name: string | undefined): OperationDefinitionNode {
  const operation = getOperationAST(document, name);
  if (operation?.operation === OperationTypeNode.SUBSCRIPTION) {
    throw new DocumentErrors([new GraphQLError('A subscription cannot be made by GraphQL.', { nodes: operation })]);
  }
  if (operation) return operation;
  const text =
    name === undefined
      ? 'The query has several operations; operationName must name one.'
      : `The query has no operation '${name}'.`;
  throw new DocumentErrors([new GraphQLError(text)]);
}

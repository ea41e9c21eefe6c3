import { gunzipSync, gzipSync } from 'node:zlib';
import { executeSync } from 'graphql';
import { LRUCache } from 'lru-cache';
import { unavailable, type FhirVersion } from '#fhir';
import { assertValid, type PreparedDocument } from '../document/prepare-document.js';
import { describedSchema, fhirSchema } from '../schema/fhir-schema.js';
import { answerText, type GraphqlAnswer } from './answer-text.js';

/**
 * Answers given before. A whole schema takes a second or two to describe and some ten MB of text, a twentieth of that
 * compressed; tools ask with one of few texts.
 */
const given = new LRUCache<string, Buffer>({ max: 12 });

/** By version: until when it is not described as a whole again, in milliseconds since 1970. */
const restsUntil = new Map<string, number>();

/**
 * A description stops everything else in the process. After each there is a pause of so many times as long, whoever
 * asks.
 */
const pausePerWork = 10;

/** A question with variables as long as a book is not asked twice. */
const maxKeyLength = 20_000;

interface SchemaRequest {
  readonly query: string;
  readonly operationName?: string | undefined;
  readonly variables: Readonly<Record<string, unknown>>;
}

/**
 * Answers a document that asks for the schema and for nothing else. The answer depends on the version and the request
 * alone. Throws DocumentErrors when the document is not valid, and OutcomeError `transient` when the schema as a whole
 * was asked for in other words a moment ago.
 */
export function answerIntrospection(
  version: FhirVersion,
  { document, question }: PreparedDocument,
  { query, operationName, variables }: SchemaRequest,
): GraphqlAnswer {
  const key = JSON.stringify([version.id, query, operationName, variables]);
  const known = given.get(key);
  if (known !== undefined) return { status: 200, body: gunzipSync(known).toString('utf8') };
  const started = Date.now();
  if (question === 'schema' && started < (restsUntil.get(version.id) ?? 0)) {
    throw unavailable('The schema was described a moment ago in answer to another question. Try again shortly.');
  }
  const schema = question === 'schema' ? describedSchema(version) : fhirSchema(version);
  assertValid(schema, document);
  const { data, errors } = executeSync({ schema, document, operationName, variableValues: { ...variables } });
  const body = answerText({ data, ...(errors === undefined ? {} : { errors }) });
  if (errors === undefined && key.length <= maxKeyLength) given.set(key, gzipSync(body, { level: 1 }));
  if (question === 'schema') restsUntil.set(version.id, Date.now() + pausePerWork * (Date.now() - started));
  return { status: data === undefined ? 400 : 200, body };
}

import { gunzipSync, gzipSync } from 'node:zlib';
import { executeSync } from 'graphql';
import { LRUCache } from 'lru-cache';
import { unavailable, type FhirVersion } from '#fhir';
import { assertValid, type PreparedDocument } from '../document/prepare-document.js';
import { describedSchema, fhirSchema } from '../schema/fhir-schema.js';
import { answerOf, type GraphqlAnswer } from './answer-text.js';

/**
 * Answers given before. A whole schema takes a second or two to describe and some ten MB of text, a twentieth of that
 * compressed; tools ask with one of few texts.
 */
const given = new LRUCache<string, Buffer>({ max: 12 });

/** By version: until when nothing new about it is described, in milliseconds since 1970. */
const restsUntil = new Map<string, number>();

/**
 * A description stops everything else in the process. After one that took longer than other requests may, there is a
 * pause of so many times as long, whoever asks.
 */
const pausePerWork = 10;
const shortWork = 200;

/** A question with variables as long as a book is not asked twice. */
const maxKeyLength = 20_000;

interface SchemaRequest {
  readonly query: string;
  readonly operationName?: string | undefined;
  readonly variables: Readonly<Record<string, unknown>>;
}

/**
 * Answers a document that asks for the schema and for nothing else. The answer depends on the version and the request
 * alone. Throws DocumentErrors when the document is not valid, and OutcomeError `transient` when much of the schema was
 * asked for in other words a moment ago.
 */
export function answerIntrospection(
  version: FhirVersion,
  { document, question }: PreparedDocument,
  { query, operationName, variables }: SchemaRequest,
): GraphqlAnswer {
  const key = JSON.stringify([version.id, query, operationName, variables]);
  const known = given.get(key);
  if (known !== undefined) return { status: 200, body: gunzipSync(known).toString('utf8') };
  // Made once, whoever comes first; it is no part of the work that the question causes.
  const whole = fhirSchema(version);
  const started = Date.now();
  if (started < (restsUntil.get(version.id) ?? 0)) {
    throw unavailable('The schema was described a moment ago in answer to another question. Try again shortly.');
  }
  const schema = question === 'schema' ? describedSchema(version) : whole;
  assertValid(schema, document);
  const { data, errors } = executeSync({ schema, document, operationName, variableValues: { ...variables } });
  const answer = answerOf(data === undefined ? 400 : 200, { data, ...(errors === undefined ? {} : { errors }) });
  if (answer.status === 200 && errors === undefined && key.length <= maxKeyLength)
    given.set(key, gzipSync(answer.body, { level: 1 }));
  const work = Date.now() - started;
  if (work > shortWork) restsUntil.set(version.id, Date.now() + pausePerWork * work);
  return answer;
}

/**
 * Operations as entries of a batch. Each is sent through the server's own front door, with the headers of the batch, so
 * that routing, rights, audit and answers are those of the operation called by itself.
 */
import type { FastifyRequest } from 'fastify';
import { isJsonObject, notSupported, OutcomeError, type Issue, type JsonValue, type OutcomeCategory } from '#fhir';
import { outcomeStatus, type OperationCall } from '#fhir-store';

/** They are about the batch's own body, or about its connection. */
const OWN_HEADERS = new Set(['content-length', 'content-type', 'content-encoding', 'transfer-encoding', 'connection']);
/** The answer is read here, so it must come as it is. */
const ENCODING_HEADER = 'accept-encoding';

const FHIR_JSON = 'application/fhir+json';

/**
 * Calls an operation as the caller of `request` and returns the text of the resource that is its result. Throws what it
 * answers as an OutcomeError.
 */
export async function callOperation(request: FastifyRequest, fhirBase: string, call: OperationCall): Promise<string> {
  const path = [call.type, call.id, call.name].filter((part) => part !== undefined).join('/');
  const url = new URL(`${fhirBase}${path}${call.query === '' ? '' : `?${call.query}`}`);
  const answer = await request.server.inject({
    method: call.method,
    url: url.pathname + url.search,
    headers: {
      ...headersFor(request),
      ...(call.resource === undefined ? {} : { 'content-type': FHIR_JSON }),
    },
    ...(call.resource === undefined ? {} : { payload: call.resource }),
  });
  if (answer.statusCode >= 400) throw outcomeOf(answer.statusCode, answer.payload);
  if (!String(answer.headers['content-type']).startsWith(FHIR_JSON)) {
    throw notSupported(`${call.name} gives no resource; send it by itself`);
  }
  return answer.payload;
}

function headersFor(request: FastifyRequest): Record<string, string | string[]> {
  const kept: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined && !OWN_HEADERS.has(name) && name !== ENCODING_HEADER) kept[name] = value;
  }
  return kept;
}

function outcomeOf(status: number, payload: string): OutcomeError {
  const categories = Object.keys(outcomeStatus) as OutcomeCategory[];
  const category = categories.find((candidate) => outcomeStatus[candidate] === status) ?? 'invalid';
  const body = JSON.parse(payload) as JsonValue;
  const issues = isJsonObject(body) && Array.isArray(body.issue) ? body.issue : [];
  return new OutcomeError(category, issues.map(issueOf));
}

function issueOf(issue: JsonValue): Issue {
  const { severity, code, details, expression } = isJsonObject(issue) ? issue : {};
  return {
    severity: (severity ?? 'error') as Issue['severity'],
    code: textOf(code),
    text: isJsonObject(details) ? textOf(details.text) : '',
    ...(Array.isArray(expression) ? { expression: expression.map(textOf) } : {}),
  };
}

const textOf = (value: JsonValue | undefined): string => (typeof value === 'string' ? value : '');

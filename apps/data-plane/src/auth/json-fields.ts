/**
 * Bodies of the routes that MedplumClient calls: JSON objects under any JSON media type, of which unknown members are
 * ignored and empty texts count as absent. What is wrong with single fields is collected and told all at once, each
 * issue with the field's name as its expression, which is what sign-in forms show beside the field.
 */
import type { FastifyRequest } from 'fastify';
import { badRequest, invalidResource, isJsonObject, type Issue, type JsonObject, type JsonValue } from '#fhir';
import { jsonText } from '../fhir/resource-body.js';

/** No text that an identity route takes is longer. */
const MAX_TEXT_LENGTH = 4096;

export class JsonFields {
  private readonly issues: Issue[] = [];

  constructor(private readonly members: JsonObject) {}

  /** A text, trimmed; undefined when it is absent, null or empty. */
  text(name: string): string | undefined {
    const value = this.raw(name);
    return value === undefined || value.trim() === '' ? undefined : value.trim();
  }

  /** A text that must be there; an empty one stands for it until `check` throws. */
  required(name: string): string {
    const value = this.text(name);
    if (value === undefined && !this.issues.some(({ expression }) => expression?.[0] === name)) {
      this.fail(name, `${name} is missing`);
    }
    return value ?? '';
  }

  /** A text that is taken as it is, white space included; undefined when it is absent or empty. */
  raw(name: string): string | undefined {
    const value = this.members[name];
    if (value === undefined || value === null || value === '') return undefined;
    if (typeof value !== 'string' || value.length > MAX_TEXT_LENGTH) {
      this.fail(name, `${name} must be a text of at most ${MAX_TEXT_LENGTH} characters`);
      return undefined;
    }
    return value;
  }

  /** Whether something is wanted: true, or `"true"`; everything else is false. */
  flag(name: string): boolean {
    return this.members[name] === true || this.members[name] === 'true';
  }

  /** A member as it is; undefined when it is absent, null or an empty text. */
  value(name: string): JsonValue | undefined {
    const value = this.members[name];
    return value === null || value === '' ? undefined : value;
  }

  /** Adds an issue about a field. */
  fail(name: string, text: string): void {
    this.issues.push({ severity: 'error', code: 'invalid', text, expression: [name] });
  }

  /** Throws 400 with all issues that came up. */
  check(): void {
    if (this.issues.length > 0) throw invalidResource(this.issues);
  }
}

/** The fields of a request's body. Throws 415 for another media type and 400 when it is no JSON object. */
export function jsonFields(request: FastifyRequest): JsonFields {
  let body: unknown;
  try {
    body = JSON.parse(jsonText(request));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw badRequest('The body is not valid JSON', { code: 'structure' });
  }
  if (!isJsonObject(body)) throw badRequest('The body must be a JSON object', { code: 'structure' });
  return new JsonFields(body);
}

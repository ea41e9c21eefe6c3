/**
 * What a request says about a write besides the resource: the headers that make it depend on what is stored
 * (https://hl7.org/fhir/R4/http.html#concurrency, #ccreate), and where it is to be filed.
 */
import type { FastifyRequest } from 'fastify';
import { accountsInQuery } from '#fhir-store';
import { queryOf } from './query.js';

/**
 * The headers If-Match and If-None-Match as options of the store: on which stored version a write depends
 * (https://www.rfc-editor.org/rfc/rfc9110#section-13.1).
 */
export const conditionOptions = ({ headers }: FastifyRequest): { ifMatch?: string; ifNoneMatch?: string } => ({
  ...(headers['if-match'] === undefined ? {} : { ifMatch: headers['if-match'] }),
  ...(headers['if-none-match'] === undefined ? {} : { ifNoneMatch: headers['if-none-match'] }),
});

/** The header If-None-Exist as an option of the store. */
export function ifNoneExistOption(request: FastifyRequest): { ifNoneExist?: string } {
  const ifNoneExist = request.headers['if-none-exist'];
  return ifNoneExist === undefined ? {} : { ifNoneExist: String(ifNoneExist) };
}

/** The parameter `_account` of `POST Type?_account=Organization/1`, also several, as an option of the store. */
export const accountsOption = (request: FastifyRequest): { accounts?: readonly string[] } =>
  accountsInQuery(queryOf(request));

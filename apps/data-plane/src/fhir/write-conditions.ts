/**
 * What a request says about a write besides the resource: the headers that make it depend on what is stored
 * (https://hl7.org/fhir/R4/http.html#concurrency, #ccreate), and where it is to be filed.
 */
import type { FastifyRequest } from 'fastify';
import { accountsInQuery } from '#fhir-store';
import { queryOf } from './query.js';

/** The header If-Match as an option of the store. */
export function ifMatchOption(request: FastifyRequest): { ifMatch?: string } {
  const ifMatch = request.headers['if-match'];
  return ifMatch === undefined ? {} : { ifMatch };
}

/** The header If-None-Exist as an option of the store. */
export function ifNoneExistOption(request: FastifyRequest): { ifNoneExist?: string } {
  const ifNoneExist = request.headers['if-none-exist'];
  return ifNoneExist === undefined ? {} : { ifNoneExist: String(ifNoneExist) };
}

/** The parameter `_account` of `POST Type?_account=Organization/1`, also several, as an option of the store. */
export const accountsOption = (request: FastifyRequest): { accounts?: readonly string[] } =>
  accountsInQuery(queryOf(request));

/** The headers that make a write depend on what is stored (https://hl7.org/fhir/R4/http.html#concurrency, #ccreate). */
import type { FastifyRequest } from 'fastify';

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

import { Controller, Delete, Patch, Post, Put, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { HttpStatusError } from '../http/http-status-error.js';
import { sessionOf } from '../tenant/request-tenant.js';

const ROOT = '';
const ROOT_ADDRESS = '/fhir';
const INSTANCE = ':type/:id';
const HISTORIES = ['_history', ':type/_history', ':type/:id/_history', ':type/:id/_history/:versionId'];

/** What can be done at addresses that do not take every method; the other methods of these are answered 405. */
const ALLOWED: Readonly<Record<string, string>> = {
  [ROOT_ADDRESS]: 'GET, HEAD, POST',
  '/fhir/:type/:id': 'GET, HEAD, PUT, PATCH, DELETE',
};

/** Addresses that exist, asked with a method that they do not have. */
@Controller('fhir')
export class WrongMethodController {
  @Post([INSTANCE, ...HISTORIES])
  post(@Req() request: FastifyRequest): never {
    return refuse(request);
  }

  @Put([ROOT, ...HISTORIES])
  put(@Req() request: FastifyRequest): never {
    return refuse(request);
  }

  @Patch([ROOT, ...HISTORIES])
  patch(@Req() request: FastifyRequest): never {
    return refuse(request);
  }

  @Delete(HISTORIES)
  delete(@Req() request: FastifyRequest): never {
    return refuse(request);
  }
}

function refuse(request: FastifyRequest): never {
  throw wrongMethod(request);
}

/** The refusal of a request whose address does not have its method. */
export function wrongMethod(request: FastifyRequest): HttpStatusError {
  const allowed = ALLOWED[request.routeOptions.url ?? ''] ?? 'GET, HEAD';
  const { version } = sessionOf(request).runtime.database;
  const isRoot = request.routeOptions.url === ROOT_ADDRESS;
  return new HttpStatusError(405, { allow: isRoot && version.deletesAcrossTypes ? `${allowed}, DELETE` : allowed });
}

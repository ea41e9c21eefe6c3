import { Controller, Delete, Patch, Post, Put, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { HttpStatusError } from '../http/http-status-error.js';

const ROOT = '';
const INSTANCE = ':type/:id';
const HISTORIES = ['_history', ':type/_history', ':type/:id/_history', ':type/:id/_history/:versionId'];

/** What can be done at addresses that do not take every method; the other methods of these are answered 405. */
const ALLOWED: Readonly<Record<string, string>> = {
  '/fhir': 'GET, HEAD, POST',
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

  @Delete([ROOT, ...HISTORIES])
  delete(@Req() request: FastifyRequest): never {
    return refuse(request);
  }
}

function refuse(request: FastifyRequest): never {
  throw new HttpStatusError(405, ALLOWED[request.routeOptions.url ?? ''] ?? 'GET, HEAD');
}

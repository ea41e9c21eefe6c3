import { Controller, Get, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { parseSearchAt, type SearchRequest } from '#fhir-search';
import { ReadAudit, type ResourceRepository, searchsetBundle } from '#fhir-store';
import { HttpStatusError } from '../http/http-status-error.js';
import { sendText } from '../http/send.js';
import { SignedAttachments } from '../storage/signed-attachments.js';
import { BaseUrls } from '../tenant/base-urls.js';
import { sessionOf } from '../tenant/request-tenant.js';
import { presentationOf } from './presentation.js';
import { queryOf } from './query.js';
import { allFound, readAsCaller } from './read-audit.js';
import { searchHandling } from './request-headers.js';
import { CACHE_CONTROL } from './version-answer.js';

const FORM_TYPE = /^application\/x-www-form-urlencoded\s*(?:;|$)/i;

/** Searches of one type, of the whole system and of a compartment (https://hl7.org/fhir/R4/http.html#search). */
@Controller('fhir')
export class SearchController {
  constructor(
    private readonly baseUrls: BaseUrls,
    private readonly audit: ReadAudit,
    private readonly attachments: SignedAttachments,
  ) {}

  @Get()
  searchSystem(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.answer(request, reply, queryOf(request));
  }

  @Post('_search')
  searchSystemByPost(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.answer(request, reply, formOf(request));
  }

  @Get(':type')
  search(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.answer(request, reply, queryOf(request));
  }

  /** The same with the parameters in a form, those of the URL included. */
  @Post(':type/_search')
  searchByPost(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.answer(request, reply, formOf(request));
  }

  /** `Patient/123/Observation?…`, or `Patient/123/*` for all types. */
  @Get(':compartment/:id/:type')
  searchCompartment(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.answer(request, reply, queryOf(request));
  }

  @Post(':compartment/:id/:type/_search')
  searchCompartmentByPost(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.answer(request, reply, formOf(request));
  }

  private async answer(request: FastifyRequest, reply: FastifyReply, query: string): Promise<void> {
    const search = readSearch(request, query);
    const entity = query === '' ? search.path : `${search.path}?${query}`;
    const find = (repository: ResourceRepository) => repository.search(search);
    const result = await readAsCaller(this.audit, request, entity, find, allFound);
    void reply.header('cache-control', CACHE_CONTROL);
    const bundle = searchsetBundle(search, result, presentationOf(request, this.baseUrls));
    return sendText(request, reply, 200, await this.attachments.signed(request, bundle));
  }
}

function readSearch(request: FastifyRequest, query: string): SearchRequest {
  const { compartment, id, type } = request.params as { compartment?: string; id?: string; type?: string };
  const { version, ownBaseUrls } = sessionOf(request).runtime.database;
  const path = [compartment, id, type].filter((segment) => segment !== undefined).join('/');
  return parseSearchAt(version, path, query, {
    handling: searchHandling(request.headers),
    ...(ownBaseUrls === undefined ? {} : { ownBaseUrls }),
  });
}

/** The parameters of a search by POST: those in the URL and those in the form. Throws 415 for another kind of body. */
function formOf(request: FastifyRequest): string {
  const { body } = request;
  const isForm = FORM_TYPE.test(request.headers['content-type'] ?? '') && typeof body === 'string';
  if (!isForm && body !== undefined && body !== '') throw new HttpStatusError(415);
  const parts = [queryOf(request), isForm ? body : ''];
  return parts.filter((part) => part !== '').join('&');
}

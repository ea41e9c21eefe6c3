import { Controller, Get, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { notFound } from '#fhir';
import { parseSearch } from '#fhir-search';
import { ReadAudit, searchsetBundle } from '#fhir-store';
import { HttpStatusError } from '../http/http-status-error.js';
import { sendText } from '../http/send.js';
import { BaseUrls } from '../tenant/base-urls.js';
import { sessionOf } from '../tenant/request-tenant.js';
import { presentationOf } from './presentation.js';
import { assertNoNul, queryOf } from './query.js';
import { readAsCaller } from './read-audit.js';
import { searchHandling } from './request-headers.js';
import { CACHE_CONTROL } from './version-answer.js';

const FORM_TYPE = /^application\/x-www-form-urlencoded\s*(?:;|$)/i;

/** Searches of one type (https://hl7.org/fhir/R4/http.html#search). */
@Controller('fhir')
export class SearchController {
  constructor(
    private readonly baseUrls: BaseUrls,
    private readonly audit: ReadAudit,
  ) {}

  @Get(':type')
  search(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.answer(request, reply, queryOf(request));
  }

  /** The same with the parameters in a form, those of the URL included. */
  @Post(':type/_search')
  searchByPost(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { body } = request;
    const isForm = FORM_TYPE.test(request.headers['content-type'] ?? '') && typeof body === 'string';
    if (!isForm && body !== undefined && body !== '') throw new HttpStatusError(415);
    const parts = [queryOf(request), isForm ? assertNoNul(body) : ''];
    return this.answer(request, reply, parts.filter((part) => part !== '').join('&'));
  }

  private async answer(request: FastifyRequest, reply: FastifyReply, query: string): Promise<void> {
    const { type } = request.params as { type: string };
    const { version, ownBaseUrls } = sessionOf(request).runtime.database;
    if (!version.isResourceType(type)) throw notFound();
    const search = parseSearch(version, type, query, {
      handling: searchHandling(request.headers),
      ...(ownBaseUrls === undefined ? {} : { ownBaseUrls }),
    });
    const entity = query === '' ? type : `${type}?${query}`;
    const result = await readAsCaller(this.audit, request, entity, (repository) => repository.search(search));
    void reply.header('cache-control', CACHE_CONTROL);
    return sendText(request, reply, 200, searchsetBundle(search, result, presentationOf(request, this.baseUrls)));
  }
}

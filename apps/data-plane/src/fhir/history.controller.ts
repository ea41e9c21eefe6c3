import { Controller, Get, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { historyBundle, historyRequest, ReadAudit, type HistoryScope } from '#fhir-store';
import { sendText } from '../http/send.js';
import { SignedAttachments } from '../storage/signed-attachments.js';
import { BaseUrls } from '../tenant/base-urls.js';
import { assertKnownType } from './known-type.js';
import { presentationOf } from './presentation.js';
import { queryOf } from './query.js';
import { readAsCaller } from './read-audit.js';
import { searchHandling } from './request-headers.js';
import { CACHE_CONTROL } from './version-answer.js';

/** Histories of one resource, of a type and of the whole project (https://hl7.org/fhir/R4/http.html#history). */
@Controller('fhir')
export class HistoryController {
  constructor(
    private readonly baseUrls: BaseUrls,
    private readonly audit: ReadAudit,
    private readonly attachments: SignedAttachments,
  ) {}

  @Get(['_history', ':type/_history', ':type/:id/_history'])
  async history(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { type, id } = request.params as HistoryScope;
    if (type !== undefined) assertKnownType(request, type);
    const scope = { ...(type === undefined ? {} : { type }), ...(id === undefined ? {} : { id }) };
    const wanted = historyRequest(scope, queryOf(request), { handling: searchHandling(request.headers) });
    const entity = [...Object.values(scope), '_history'].join('/');
    const result = await readAsCaller(
      this.audit,
      request,
      entity,
      (repository) => repository.history(wanted),
      ({ versions }) => versions,
    );
    void reply.header('cache-control', CACHE_CONTROL);
    const bundle = historyBundle(wanted, result, presentationOf(request, this.baseUrls));
    return sendText(request, reply, 200, await this.attachments.signed(request, bundle));
  }
}

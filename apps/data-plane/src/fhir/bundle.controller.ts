import { Controller, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ReadAudit, type OperationCall } from '#fhir-store';
import type { Logger } from '#platform';
import { DataPlaneLogger } from '../data-plane-logger.js';
import { sendText } from '../http/send.js';
import { withStoredAddresses } from '../storage/received-links.js';
import { SignedAttachments } from '../storage/signed-attachments.js';
import { BaseUrls } from '../tenant/base-urls.js';
import { callOperation } from './call-operation.js';
import { recordExecution, recordRead } from './read-audit.js';
import { presentationOf } from './presentation.js';
import type { BundleRequest } from './jobs/bundle-job.js';
import { AsyncJobs } from './jobs/async-jobs.js';
import { returnPreference, searchHandling, wantsLaterAnswer } from './request-headers.js';
import { jsonText } from './resource-body.js';
import { runAsCaller } from './run-as-caller.js';
import { CACHE_CONTROL } from './version-answer.js';

/** Batches and transactions (https://hl7.org/fhir/R4/http.html#transaction), at once or later. */
@Controller('fhir')
export class BundleController {
  private readonly logger: Logger;

  constructor(
    private readonly baseUrls: BaseUrls,
    private readonly audit: ReadAudit,
    private readonly attachments: SignedAttachments,
    private readonly jobs: AsyncJobs,
    logger: DataPlaneLogger,
  ) {
    this.logger = logger.logger;
  }

  @Post()
  async process(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const text = withStoredAddresses(request, jsonText(request));
    const { baseUrl, extended } = presentationOf(request, this.baseUrls);
    const presentation = {
      extended,
      handling: searchHandling(request.headers),
      returns: returnPreference(request.headers),
    };
    if (wantsLaterAnswer(request.headers)) {
      const accepted: BundleRequest = { text, baseUrl, ...presentation };
      const kind = await runAsCaller(request, (repository) => repository.checkBundle(text, baseUrl, presentation));
      return this.jobs.accept(request, reply, { kind, request: accepted, entity: 'Bundle' });
    }
    const options = {
      ...presentation,
      onOperation: (call: OperationCall) => callOperation(request, call),
      onRead: (entity: string, outcome: 'success' | 'refused', subjects: string) =>
        recordRead(this.audit, request, entity, outcome, subjects),
      onFault: (error: unknown) =>
        this.logger.error({ err: error, requestId: request.id }, 'an entry of a batch failed'),
    };
    const answer = await runAsCaller(request, (repository) => repository.processBundle(text, baseUrl, options));
    recordExecution(this.audit, request, 'Bundle');
    void reply.header('cache-control', CACHE_CONTROL);
    return sendText(request, reply, 200, await this.attachments.signed(request, answer));
  }
}

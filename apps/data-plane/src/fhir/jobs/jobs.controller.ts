import { Controller, Delete, Get, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ReadAudit, type JobKind } from '#fhir-store';
import { sendText } from '../../http/send.js';
import { SignedAttachments } from '../../storage/signed-attachments.js';
import { sessionOf } from '../../tenant/request-tenant.js';
import { recordRead } from '../read-audit.js';
import { AsyncJobs, pathOf } from './async-jobs.js';
import { answerCancelled, answerUnfinished, jobResult } from './job-answers.js';

/**
 * Requests that are answered later (https://hl7.org/fhir/R4/async.html): 202 while they are carried out, and then what they
 * would have been answered at once.
 */
@Controller('fhir')
export class JobsController {
  constructor(
    private readonly jobs: AsyncJobs,
    private readonly attachments: SignedAttachments,
    private readonly audit: ReadAudit,
  ) {}

  @Get('job/:id/status')
  async status(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { id } = request.params as { id: string };
    const job = await this.jobs.findWithResult(request, id, isNoExport);
    if (answerUnfinished(request, reply, job)) return;
    const { status, text } = jobResult(sessionOf(request).runtime, job);
    if (status < 400) recordRead(this.audit, request, pathOf(job), 'success');
    return sendText(request, reply, status, await this.attachments.signed(request, text));
  }

  @Delete('job/:id/status')
  async cancel(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { id } = request.params as { id: string };
    const hadEnded = await this.jobs.cancel(request, await this.jobs.find(request, id, isNoExport));
    return answerCancelled(request, reply, hadEnded);
  }
}

const isNoExport = (kind: JobKind): boolean => kind !== 'export';

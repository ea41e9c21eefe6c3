import { Controller, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { operationOutcome } from '#fhir';
import { ReadAudit } from '#fhir-store';
import { sendText } from '../../http/send.js';
import { sessionOf } from '../../tenant/request-tenant.js';
import { runAsCaller } from '../run-as-caller.js';
import { CACHE_CONTROL } from '../version-answer.js';
import { assertOnly, oneFlag, operationInput } from './operation-input.js';

/**
 * `$expunge`: a resource is removed with all its versions, and with `everything` the whole chart of a Patient. For project
 * admins. Files that no Binary names any more are removed by the daily sweep.
 */
@Controller('fhir')
export class ExpungeController {
  constructor(private readonly audit: ReadAudit) {}

  @Post(':type/:id/$expunge')
  async expunge(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { type, id } = request.params as { type: string; id: string };
    const input = operationInput(request);
    assertOnly(input, ['everything']);
    const everything = oneFlag(input, 'everything');
    const removed = await runAsCaller(request, (repository) => repository.expunge(type, id, { everything }));
    this.audit.sealSoon(sessionOf(request).runtime.database);
    void reply.header('cache-control', CACHE_CONTROL);
    const text = `${removed} ${removed === 1 ? 'resource was' : 'resources were'} expunged`;
    const outcome = operationOutcome('ok', [{ severity: 'information', code: 'informational', text }]);
    return sendText(request, reply, 200, JSON.stringify(outcome));
  }
}

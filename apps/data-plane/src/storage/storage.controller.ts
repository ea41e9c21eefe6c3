import { Controller, Get, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { systemPolicy } from '#access-policy';
import { OutcomeError, unauthorized } from '#fhir';
import { ReadAudit, ResourceRepository, subjectsOf, type StoredVersion } from '#fhir-store';
import { systemClock } from '#platform';
import { Public } from '../auth/public.decorator.js';
import { sendBinaryContent } from '../fhir/binary/binary-answer.js';
import { tenantOf } from '../tenant/request-tenant.js';
import { type TenantRuntime, TenantRuntimes } from '../tenant/tenant-runtime.js';
import type { LinkedContent } from './storage-links.js';

/** Contents of Binaries by signed addresses, which need no token: they stand where a browser loads an image. */
@Controller('storage')
@Public()
export class StorageController {
  constructor(
    private readonly runtimes: TenantRuntimes,
    private readonly audit: ReadAudit,
  ) {}

  @Get('Binary/:id')
  async download(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { id } = request.params as { id: string };
    const { signature } = request.query as Record<string, unknown>;
    const tenant = tenantOf(request);
    const runtime = await this.runtimes.of(tenant.entry);
    tenant.runtime = runtime;
    const link = runtime.storageLinks.read(id, typeof signature === 'string' ? signature : '', systemClock.now());
    if (link === undefined) throw unauthorized();
    if (link.isExpired) throw expired();
    const version = await readLinked(runtime, link, request.id);
    this.audit.record(runtime.database, {
      action: 'R',
      outcome: 'success',
      agent: link.agent,
      entity: `Binary/${id}/_history/${link.versionId}`,
      subjects: subjectsOf([version]),
      detail: 'by a signed address',
      requestId: request.id,
    });
    return sendBinaryContent(request, reply, runtime, version);
  }
}

/** The version that was signed, as long as the Binary has not been deleted (410) and its security context is there (403). */
async function readLinked(runtime: TenantRuntime, link: LinkedContent, requestId: string): Promise<StoredVersion> {
  const repository = new ResourceRepository(runtime.database, {
    policy: systemPolicy('give out a content by its signed address'),
    agent: 'system/storage',
    requestId,
  });
  const current = await repository.read('Binary', link.id);
  if (current.versionId === link.versionId) return current;
  return repository.readVersion('Binary', link.id, link.versionId);
}

const expired = (): OutcomeError =>
  new OutcomeError('gone', [{ severity: 'error', code: 'expired', text: 'The address has expired.' }]);

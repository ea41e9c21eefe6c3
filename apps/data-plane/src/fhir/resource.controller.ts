import { Controller, Delete, Get, Patch, Post, Put, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ReadAudit } from '#fhir-store';
import { SignedAttachments } from '../storage/signed-attachments.js';
import { BaseUrls } from '../tenant/base-urls.js';
import { sessionOf, tenantOf } from '../tenant/request-tenant.js';
import { assertKnownType } from './known-type.js';
import { queryOf } from './query.js';
import { readAsCaller, theOne } from './read-audit.js';
import { patchBody } from './patch-body.js';
import { resourceBody } from './resource-body.js';
import { runAsCaller } from './run-as-caller.js';
import { wrongMethod } from './wrong-method.controller.js';
import { sendDeleted, sendRead, sendWritten, type WrittenVersion } from './version-answer.js';
import { accountsOption, conditionOptions, ifNoneExistOption } from './write-conditions.js';

interface InstanceParams {
  type: string;
  id: string;
}

/**
 * Interactions with single resources (https://hl7.org/fhir/R4/http.html). The version segment of the path has been
 * taken off before routing. Handlers send text themselves: no serialiser of Nest or Fastify looks at a resource.
 */
@Controller('fhir')
export class ResourceController {
  constructor(
    private readonly baseUrls: BaseUrls,
    private readonly audit: ReadAudit,
    private readonly attachments: SignedAttachments,
  ) {}

  @Get(':type/:id')
  async read(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { type, id } = request.params as InstanceParams;
    const version = await readAsCaller(
      this.audit,
      request,
      `${type}/${id}`,
      (repository) => repository.read(type, id),
      theOne,
    );
    return sendRead(request, reply, version, this.attachments);
  }

  @Get(':type/:id/_history/:versionId')
  async readVersion(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { type, id, versionId } = request.params as InstanceParams & { versionId: string };
    const version = await readAsCaller(
      this.audit,
      request,
      `${type}/${id}/_history/${versionId}`,
      (repository) => repository.readVersion(type, id, versionId),
      theOne,
    );
    return sendRead(request, reply, version, this.attachments);
  }

  @Post(':type')
  async create(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { type } = request.params as { type: string };
    assertKnownType(request, type);
    const text = resourceBody(request, type);
    const written = await runAsCaller(request, (repository) =>
      repository.create(text, { ...ifNoneExistOption(request), ...accountsOption(request) }),
    );
    return this.sendWritten(request, reply, written, 'by criteria');
  }

  @Put(':type/:id')
  async update(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { type, id } = request.params as InstanceParams;
    assertKnownType(request, type);
    const text = resourceBody(request, type);
    const written = await runAsCaller(request, (repository) =>
      repository.update(type, id, text, conditionOptions(request)),
    );
    return this.sendWritten(request, reply, written);
  }

  /** PUT Type?query. */
  @Put(':type')
  async conditionalUpdate(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { type } = request.params as { type: string };
    assertKnownType(request, type);
    const text = resourceBody(request, type);
    const written = await runAsCaller(request, (repository) =>
      repository.conditionalUpdate(type, queryOf(request), text, conditionOptions(request)),
    );
    return this.sendWritten(request, reply, written, 'by criteria');
  }

  @Patch(':type/:id')
  async patch(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { type, id } = request.params as InstanceParams;
    assertKnownType(request, type);
    const patch = patchBody(request);
    const written = await runAsCaller(request, (repository) =>
      repository.patch(type, id, patch, conditionOptions(request)),
    );
    return this.sendWritten(request, reply, written);
  }

  /** PATCH Type?query. */
  @Patch(':type')
  async conditionalPatch(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { type } = request.params as { type: string };
    assertKnownType(request, type);
    const patch = patchBody(request);
    const written = await runAsCaller(request, (repository) =>
      repository.conditionalPatch(type, queryOf(request), patch, conditionOptions(request)),
    );
    return this.sendWritten(request, reply, written, 'by criteria');
  }

  @Delete(':type/:id')
  async delete(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { type, id } = request.params as InstanceParams;
    const version = await runAsCaller(request, (repository) => repository.delete(type, id, conditionOptions(request)));
    this.sealWrites(request);
    return sendDeleted(request, reply, [version]);
  }

  /** DELETE Type?query. */
  @Delete(':type')
  async conditionalDelete(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { type } = request.params as { type: string };
    const versions = await runAsCaller(request, (repository) =>
      repository.conditionalDelete(type, queryOf(request), conditionOptions(request)),
    );
    this.sealWrites(request);
    return sendDeleted(request, reply, versions);
  }

  /** DELETE [base]?query. */
  @Delete()
  async conditionalDeleteAcrossTypes(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    if (!sessionOf(request).runtime.database.version.deletesAcrossTypes) throw wrongMethod(request);
    const versions = await runAsCaller(request, (repository) =>
      repository.conditionalDeleteAcrossTypes(queryOf(request), conditionOptions(request)),
    );
    this.sealWrites(request);
    return sendDeleted(request, reply, versions);
  }

  private sendWritten(
    request: FastifyRequest,
    reply: FastifyReply,
    written: WrittenVersion & { readonly created: boolean },
    found: 'by id' | 'by criteria' = 'by id',
  ): Promise<void> {
    this.sealWrites(request);
    const fhirBase = this.baseUrls.fhirBaseOfRequest(request, tenantOf(request));
    return sendWritten(request, reply, written.created ? 201 : 200, written, {
      fhirBase,
      attachments: this.attachments,
      isFound: found === 'by criteria',
    });
  }

  /** A write has recorded itself in its own transaction; the seal over it is made with the next batch of reads. */
  private sealWrites(request: FastifyRequest): void {
    this.audit.sealSoon(sessionOf(request).runtime.database);
  }
}

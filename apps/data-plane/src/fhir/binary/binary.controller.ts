import { Controller, Get, Post, Put, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { badRequest, forbidden, type ResourceText } from '#fhir';
import { ReadAudit, type ResourceRepository, type StoredVersion } from '#fhir-store';
import { uuidv7 } from '#platform';
import { BaseUrls } from '../../tenant/base-urls.js';
import { sessionOf, tenantOf } from '../../tenant/request-tenant.js';
import { readAsCaller, recordRefusal } from '../read-audit.js';
import { wantsExtendedMeta } from '../request-headers.js';
import { resourceBody } from '../resource-body.js';
import { runAsCaller } from '../run-as-caller.js';
import { sendWritten } from '../version-answer.js';
import { ifMatchOption, ifNoneExistOption } from '../write-conditions.js';
import { sendBinary } from './binary-answer.js';
import { BinaryLimits } from './binary-limits.js';
import { readBinary } from './read-binary.js';
import { rawUploadOf } from './raw-upload.js';
import { writeResource, writeUpload, type UploadNames } from './write-binary.js';

interface InstanceParams {
  id: string;
}

/**
 * Reading and writing Binary (https://hl7.org/fhir/R4/binary.html): contents come and go as they are, or as base64 in
 * the resource. What is the same for all types (search, history, patch, delete) stays with the other controllers.
 */
@Controller('fhir/Binary')
export class BinaryController {
  constructor(
    private readonly baseUrls: BaseUrls,
    private readonly audit: ReadAudit,
    private readonly limits: BinaryLimits,
  ) {}

  @Post()
  async create(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const id = uuidv7();
    const { version, created } = await this.write(request, id, 'create', (repository, text) =>
      repository.create(text, { id, ...ifNoneExistOption(request) }),
    );
    return this.answer(request, reply, created, version);
  }

  @Put(':id')
  async update(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { id } = request.params as InstanceParams;
    const { version, created } = await this.write(request, id, 'update', (repository, text) =>
      repository.update('Binary', id, text, ifMatchOption(request)),
    );
    return this.answer(request, reply, created, version);
  }

  @Get(':id')
  async read(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { id } = request.params as InstanceParams;
    const version = await readAsCaller(this.audit, request, `Binary/${id}`, (repository) =>
      readBinary(repository, () => repository.read('Binary', id)),
    );
    return sendBinary(request, reply, version, this.limits);
  }

  @Get(':id/_history/:versionId')
  async readVersion(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { id, versionId } = request.params as InstanceParams & { versionId: string };
    const version = await readAsCaller(this.audit, request, `Binary/${id}/_history/${versionId}`, (repository) =>
      readBinary(repository, () => repository.readVersion('Binary', id, versionId)),
    );
    return sendBinary(request, reply, version, this.limits);
  }

  private async write<T extends { version: StoredVersion }>(
    request: FastifyRequest,
    id: string,
    interaction: 'create' | 'update',
    store: (repository: ResourceRepository, text: ResourceText) => Promise<T>,
  ): Promise<T> {
    this.assertMayWrite(request, id, interaction);
    const { binaryContents } = sessionOf(request).runtime;
    const write = (text: ResourceText) => runAsCaller(request, (repository) => store(repository, text));
    const upload = rawUploadOf(request, this.limits.maxBytes);
    if (upload !== undefined) return writeUpload(binaryContents, upload, uploadNames(request, id), write);
    const text = resourceBody(request, 'Binary');
    return writeResource(binaryContents, interaction === 'create' ? id : (text.id ?? id), text, write);
  }

  /** What the store would refuse is refused before anything is uploaded; the store decides again when it writes. */
  private assertMayWrite(request: FastifyRequest, id: string, interaction: 'create' | 'update'): void {
    if (sessionOf(request).current.policy.grants(interaction, 'Binary')) return;
    const [action, entity] = interaction === 'create' ? (['C', 'Binary'] as const) : (['U', `Binary/${id}`] as const);
    recordRefusal(this.audit, request, action, entity);
    throw forbidden();
  }

  /** SDKs in extended mode put the answer's `url` into attachments, so there it names the content. */
  private answer(
    request: FastifyRequest,
    reply: FastifyReply,
    created: boolean,
    version: StoredVersion,
  ): void | Promise<void> {
    this.audit.sealSoon(sessionOf(request).runtime.database);
    const fhirBase = this.baseUrls.fhirBaseOfRequest(request, tenantOf(request));
    const url = JSON.stringify(`${fhirBase}Binary/${version.id}`);
    const shown = wantsExtendedMeta(request.headers)
      ? { ...version, body: `${version.body.slice(0, -1)},"url":${url}}` }
      : version;
    return sendWritten(request, reply, created ? 201 : 200, shown, fhirBase);
  }
}

const MAX_FILE_NAME_LENGTH = 255;
const REFERENCE = /^[A-Za-z][A-Za-z0-9]*\/[A-Za-z0-9\-.]{1,64}$/;

function uploadNames(request: FastifyRequest, id: string): UploadNames {
  const { _filename: fileName } = request.query as Record<string, unknown>;
  if (fileName !== undefined && (typeof fileName !== 'string' || fileName.length > MAX_FILE_NAME_LENGTH)) {
    throw badRequest(`_filename takes one name of at most ${MAX_FILE_NAME_LENGTH} characters.`, { code: 'value' });
  }
  const header = request.headers['x-security-context'];
  const securityContext = header === undefined || header === '' ? undefined : String(header);
  if (securityContext !== undefined && !REFERENCE.test(securityContext)) {
    throw badRequest('X-Security-Context takes a reference such as Patient/123.', { code: 'value' });
  }
  return { id, fileName: fileName === '' ? undefined : fileName, securityContext };
}

import { Controller, Get, Post, Put, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { badRequest, type ResourceText } from '#fhir';
import { ReadAudit, type ResourceRepository } from '#fhir-store';
import { uuidv7 } from '#platform';
import { SignedAttachments } from '../../storage/signed-attachments.js';
import { BaseUrls } from '../../tenant/base-urls.js';
import { sessionOf, tenantOf } from '../../tenant/request-tenant.js';
import { readAsCaller, refused, theOne } from '../read-audit.js';
import { wantsExtendedMeta } from '../request-headers.js';
import { resourceBody } from '../resource-body.js';
import { runAsCaller } from '../run-as-caller.js';
import { sendWritten, type WrittenVersion } from '../version-answer.js';
import { conditionOptions, ifNoneExistOption } from '../write-conditions.js';
import { sendBinary } from './binary-answer.js';
import { BinaryLimits } from './binary-limits.js';
import { rawUploadOf } from './raw-upload.js';
import { writeResource, writeUpload, type UploadNames, type Written } from './write-binary.js';

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
    private readonly attachments: SignedAttachments,
  ) {}

  @Post()
  async create(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const id = uuidv7();
    const written = await this.write(request, id, 'create', (repository, text) =>
      repository.create(text, { id, ...ifNoneExistOption(request) }),
    );
    return this.answer(request, reply, written.created, written);
  }

  @Put(':id')
  async update(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { id } = request.params as InstanceParams;
    const written = await this.write(request, id, 'update', (repository, text, keep) =>
      repository.update('Binary', id, text, { ...conditionOptions(request), keep }),
    );
    return this.answer(request, reply, written.created, written);
  }

  @Get(':id')
  async read(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { id } = request.params as InstanceParams;
    const version = await readAsCaller(
      this.audit,
      request,
      `Binary/${id}`,
      (repository) => repository.read('Binary', id),
      theOne,
    );
    return sendBinary(request, reply, version, this.limits);
  }

  @Get(':id/_history/:versionId')
  async readVersion(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { id, versionId } = request.params as InstanceParams & { versionId: string };
    const version = await readAsCaller(
      this.audit,
      request,
      `Binary/${id}/_history/${versionId}`,
      (repository) => repository.readVersion('Binary', id, versionId),
      theOne,
    );
    return sendBinary(request, reply, version, this.limits);
  }

  private async write<T extends Written>(
    request: FastifyRequest,
    id: string,
    interaction: 'create' | 'update',
    store: (repository: ResourceRepository, text: ResourceText, keep: readonly string[]) => Promise<T>,
  ): Promise<T> {
    // What the store would refuse is refused before anything is uploaded; the store decides again when it writes.
    if (!sessionOf(request).current.policy.grants(interaction, 'Binary')) {
      const [action, entity] = interaction === 'create' ? (['C', 'Binary'] as const) : (['U', `Binary/${id}`] as const);
      throw refused(this.audit, request, action, entity);
    }
    const { binaryContents } = sessionOf(request).runtime;
    const write =
      (keep: readonly string[]) =>
      (text: ResourceText): Promise<T> =>
        runAsCaller(request, (repository) => store(repository, text, keep));
    const upload = rawUploadOf(request, this.limits.maxBytes);
    if (upload !== undefined) {
      const names = uploadNames(request, id);
      // A new content that says nothing of its readers is for those who could read the one before.
      const keep = names.securityContext === undefined ? ['securityContext'] : [];
      return writeUpload(binaryContents, upload, names, write(keep));
    }
    const text = resourceBody(request, 'Binary');
    return writeResource(binaryContents, interaction === 'create' ? id : (text.id ?? id), text, write([]));
  }

  /** SDKs in extended mode put the answer's `url` into attachments and show it, so there it leads to the content. */
  private async answer(
    request: FastifyRequest,
    reply: FastifyReply,
    created: boolean,
    written: WrittenVersion,
  ): Promise<void> {
    this.audit.sealSoon(sessionOf(request).runtime.database);
    const { attachments } = this;
    const fhirBase = this.baseUrls.fhirBaseOfRequest(request, tenantOf(request));
    const { version } = written;
    let shown = written;
    if (wantsExtendedMeta(request.headers)) {
      const url = (await attachments.addressOfWritten(request, version)) ?? `${fhirBase}Binary/${version.id}`;
      const body = `${version.body.slice(0, -1)},"url":${JSON.stringify(url)}}`;
      shown = { ...written, version: { ...version, body } };
    }
    return sendWritten(request, reply, created ? 201 : 200, shown, { fhirBase, attachments });
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

import { Readable } from 'node:stream';
import { Controller, Delete, Get, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import {
  badRequest,
  notFound,
  OutcomeError,
  type FhirVersion,
  type JsonObject,
  type OperationDescription,
} from '#fhir';
import { chartType, ReadAudit, type JobKind, type ResourceRepository, type StoredJob } from '#fhir-store';
import { HttpStatusError } from '../../http/http-status-error.js';
import { JSON_TYPE, sendText } from '../../http/send.js';
import { BaseUrls } from '../../tenant/base-urls.js';
import { sessionOf, tenantOf } from '../../tenant/request-tenant.js';
import { operationInput } from '../operations/operation-input.js';
import { unknownOperation } from '../operations/unknown-operation.js';
import { queryOf } from '../query.js';
import { recordRead } from '../read-audit.js';
import { searchHandling, wantsExtendedMeta, wantsLaterAnswer } from '../request-headers.js';
import { runAsCaller } from '../run-as-caller.js';
import { AsyncJobs } from './async-jobs.js';
import type { ExportJobRequest, ExportProgress } from './export-job.js';
import { exportRequest, exportSearches, groupMembers, type ExportLevel, type ExportRequest } from './export-request.js';
import { answerCancelled, answerUnfinished, jobResult } from './job-answers.js';
import { exportProgress } from './job-kinds.js';

const LEVELS = ['$export', ':type/$export', ':type/:id/$export'];
const NDJSON = 'application/fhir+ndjson';

/** Bulk exports (https://hl7.org/fhir/uv/bulkdata/export.html): what is asked for, how far it has come, and the files. */
@Controller('fhir')
export class ExportController {
  constructor(
    private readonly jobs: AsyncJobs,
    private readonly baseUrls: BaseUrls,
    private readonly audit: ReadAudit,
  ) {}

  @Get(LEVELS)
  read(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.begin(request, reply);
  }

  @Post(LEVELS)
  ask(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.begin(request, reply);
  }

  @Get('bulkdata/export/:id')
  async status(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const job = await this.findWithResult(request);
    if (answerUnfinished(request, reply, job)) return;
    if (job.state === 'failed') {
      const { status, text } = jobResult(sessionOf(request).runtime, job);
      return sendText(request, reply, status, text);
    }
    void reply.header('expires', job.expiresAt.toUTCString());
    return sendText(request, reply, 200, this.manifest(request, job), JSON_TYPE);
  }

  @Delete('bulkdata/export/:id')
  async cancel(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const hadEnded = await this.jobs.cancel(request, await this.find(request));
    return answerCancelled(request, reply, hadEnded);
  }

  @Get('bulkdata/export/:id/:file')
  async download(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { id, file: name } = request.params as { id: string; file: string };
    const job = await this.findWithResult(request);
    const file = job.state === 'completed' ? progressOf(job).files.find((made) => made.name === name) : undefined;
    if (file === undefined) throw notFound();
    const { runtime } = sessionOf(request);
    const entity = `bulkdata/export/${id}/${name}`;
    // Of a request for the headers alone nothing is read.
    const content = request.method === 'HEAD' ? Readable.from([]) : await runtime.binaryContents.open(file.place);
    recordRead(this.audit, request, entity, 'success');
    void reply.headers({
      'content-type': NDJSON,
      'content-length': String(file.place.size),
      'content-disposition': `attachment; filename="${name}"`,
      'x-content-type-options': 'nosniff',
      'cache-control': 'private, no-store',
      expires: job.expiresAt.toUTCString(),
    });
    return void reply.send(content);
  }

  private async begin(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { version, ownBaseUrls } = sessionOf(request).runtime.database;
    const { type, id } = request.params as { type?: string; id?: string };
    const operation = exportAt(version, type, id);
    // It would begin what nobody is told of.
    if (request.method === 'HEAD') throw new HttpStatusError(405, { allow: 'GET, POST' });
    if (!wantsLaterAnswer(request.headers)) {
      throw badRequest("An export is answered later: send it with the header 'Prefer: respond-async'.");
    }
    const input = operationInput(request);
    if (input.body !== undefined) throw badRequest('The body of $export is a Parameters resource.');
    const lenient = searchHandling(request.headers) === 'lenient';
    const path = [type, id, '$export'].filter((part) => part !== undefined).join('/');
    const asked = await runAsCaller(request, async (repository) => {
      const level = await levelOf(repository, type, id, ownBaseUrls);
      const wanted = exportRequest(level, input, { version, operation, ownBaseUrls, lenient });
      await assertMayExport(repository, wanted, (part) => exportSearches(version, part, ownBaseUrls));
      return wanted;
    });
    const query = queryOf(request);
    const entity = query === '' ? path : `${path}?${query}`;
    const url = this.baseUrls.fhirBaseOfRequest(request, tenantOf(request)) + entity;
    const accepted: ExportJobRequest = { ...asked, url, extended: wantsExtendedMeta(request.headers) };
    return this.jobs.accept(request, reply, { kind: 'export', request: accepted, entity });
  }

  private find(request: FastifyRequest): Promise<StoredJob> {
    const { id } = request.params as { id: string };
    return this.jobs.find(request, id, isExport);
  }

  private findWithResult(request: FastifyRequest): Promise<StoredJob> {
    const { id } = request.params as { id: string };
    return this.jobs.findWithResult(request, id, isExport);
  }

  /** https://hl7.org/fhir/uv/bulkdata/export.html#response---complete-status */
  private manifest(request: FastifyRequest, job: StoredJob): string {
    const { url, transactionTime, files } = progressOf(job);
    const base = `${this.baseUrls.fhirBaseOfRequest(request, tenantOf(request))}bulkdata/export/${job.id}`;
    return JSON.stringify({
      transactionTime,
      request: url,
      requiresAccessToken: true,
      output: files.map(({ type, name, count }) => ({ type, url: `${base}/${name}`, count })),
      deleted: [],
      error: [],
    });
  }
}

const isExport = (kind: JobKind): boolean => kind === 'export';

/** What defines the export at that level. Throws 404 where the version has none. */
function exportAt(version: FhirVersion, type: string | undefined, id: string | undefined): OperationDescription {
  const operation = version.operations().find(({ code, resource, ...levels }) => {
    if (code !== 'export') return false;
    if (type === undefined) return levels.system;
    return resource?.includes(type) === true && (id === undefined ? levels.type : levels.instance);
  });
  if (operation === undefined) throw unknownOperation('export');
  return operation;
}

/** What is exported of, with the members of a group as they are now. Throws as a read of the group does. */
async function levelOf(
  repository: ResourceRepository,
  type: string | undefined,
  id: string | undefined,
  ownBaseUrls: readonly string[] | undefined,
): Promise<ExportLevel> {
  if (type === undefined) return { kind: 'system' };
  if (id === undefined) return { kind: 'patients', compartment: chartType };
  const { body } = await repository.read(type, id);
  const members = groupMembers(JSON.parse(body) as JsonObject, chartType, ownBaseUrls);
  return { kind: 'group', compartment: chartType, members };
}

/** Throws 403 for a named type that is not granted, and what a search or a read says of anything else that was named. */
async function assertMayExport(
  repository: ResourceRepository,
  asked: ExportRequest,
  searchesOf: (asked: ExportRequest) => ReturnType<typeof exportSearches>,
): Promise<void> {
  const { filters, patients = [] } = asked;
  const check = async (part: ExportRequest): Promise<void> => {
    for (const search of searchesOf(part)) await repository.checkSearch(search);
  };
  // Filters are read for those who may have the types, since reading them takes long.
  await check({ ...asked, filters: [] });
  if (filters.length > 0) await check(asked);
  const named = patients.map((patient) => ({ type: chartType, id: patient.slice(chartType.length + 1) }));
  if (named.length === 0) return;
  for (const found of (await repository.readEach(named)).values()) if (found instanceof OutcomeError) throw found;
}

function progressOf(job: StoredJob): ExportProgress {
  const progress = exportProgress(job);
  if (progress === undefined) throw new Error(`The export ${job.id} has noted nothing.`);
  return progress;
}

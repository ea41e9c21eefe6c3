import { Controller, Get, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ReadAudit, type ResourceRepository, searchsetBundle, type SearchResult } from '#fhir-store';
import { sendText } from '../../http/send.js';
import { SignedAttachments } from '../../storage/signed-attachments.js';
import { BaseUrls } from '../../tenant/base-urls.js';
import { sessionOf } from '../../tenant/request-tenant.js';
import { presentationOf } from '../presentation.js';
import { allFound, readAsCaller } from '../read-audit.js';
import { CACHE_CONTROL } from '../version-answer.js';
import { everythingLevels, everythingRequest, type EverythingRequest } from './everything.js';
import { assertOnly, operationInput } from './operation-input.js';
import { referredResources } from './referred-resources.js';
import { unknownOperation } from './unknown-operation.js';

interface Params {
  readonly type: string;
  readonly id?: string;
}

/** `$everything`, in pages, for the types of which the version defines it and has a compartment. */
@Controller('fhir')
export class EverythingController {
  constructor(
    private readonly baseUrls: BaseUrls,
    private readonly audit: ReadAudit,
    private readonly attachments: SignedAttachments,
  ) {}

  @Get([':type/$everything', ':type/:id/$everything'])
  read(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.everything(request, reply);
  }

  @Post([':type/$everything', ':type/:id/$everything'])
  ask(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.everything(request, reply);
  }

  private async everything(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { type, id } = request.params as Params;
    const { version, ownBaseUrls } = sessionOf(request).runtime.database;
    const levels = everythingLevels(version, type);
    if (id === undefined ? !levels.type : !levels.instance) throw unknownOperation('everything');
    const input = operationInput(request);
    assertOnly(input, ['_since', '_type', '_count', 'start', 'end', '_cursor']);
    const wanted = everythingRequest(version, id === undefined ? { type } : { type, id }, {
      texts: input.texts.filter(([name]) => name !== '_format' && name !== '_pretty'),
      ...(ownBaseUrls === undefined ? {} : { ownBaseUrls }),
    });
    const result = await readAsCaller(
      this.audit,
      request,
      wanted.search.path,
      async (repository) => {
        // An owner that is not there, or must not be seen, is told as by a read.
        if (id !== undefined) await repository.read(type, id);
        return findEverything(repository, wanted, ownBaseUrls);
      },
      allFound,
    );
    void reply.header('cache-control', CACHE_CONTROL);
    const bundle = searchsetBundle(wanted.search, result, presentationOf(request, this.baseUrls));
    return sendText(request, reply, 200, await this.attachments.signed(request, bundle));
  }
}

async function findEverything(
  repository: ResourceRepository,
  { search, alongTypes }: EverythingRequest,
  ownBaseUrls: readonly string[] | undefined,
): Promise<SearchResult> {
  const result = await repository.search(search);
  const along = await repository.readMany(referredResources(result.hits, alongTypes, ownBaseUrls));
  return { ...result, included: [...along.values()] };
}

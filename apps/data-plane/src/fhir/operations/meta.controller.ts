import { Controller, Get, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type JsonObject, tooCostly } from '#fhir';
import { parseSearchAt } from '#fhir-search';
import { ReadAudit, type ResourceRepository, type StoredVersion } from '#fhir-store';
import { sendText } from '../../http/send.js';
import { sessionOf } from '../../tenant/request-tenant.js';
import { assertKnownType } from '../known-type.js';
import { readAsCaller, theOne } from '../read-audit.js';
import { runAsCaller } from '../run-as-caller.js';
import { CACHE_CONTROL } from '../version-answer.js';
import { assertHasParts, MetaCollection, metaParts, withAdded, withRemoved } from './meta.js';
import { assertOnly, operationInput } from './operation-input.js';

interface Params {
  readonly type?: string;
  readonly id?: string;
}

/** How many resources `$meta` looks at before it gives up; each page is one statement. */
const MAX_RESOURCES = 10_000;
const PAGE_SIZE = 1_000;

/**
 * `$meta`, `$meta-add` and `$meta-delete`: profiles, tags and security labels of one resource, and by `$meta` of all
 * resources of a type or of the project that the caller may see.
 */
@Controller('fhir')
export class MetaController {
  constructor(private readonly audit: ReadAudit) {}

  @Get([':type/:id/$meta'])
  readOfResource(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.metaOfResource(request, reply);
  }

  @Post([':type/:id/$meta'])
  askOfResource(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.metaOfResource(request, reply);
  }

  @Get(['$meta', ':type/$meta'])
  readOfMany(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.metaOfMany(request, reply);
  }

  @Post(['$meta', ':type/$meta'])
  askOfMany(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.metaOfMany(request, reply);
  }

  @Post(':type/:id/$meta-add')
  add(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.change(request, reply, withAdded);
  }

  @Post(':type/:id/$meta-delete')
  remove(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.change(request, reply, withRemoved);
  }

  private async metaOfResource(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { type = '', id = '' } = request.params as Params;
    assertOnly(operationInput(request), []);
    const version = await readAsCaller(
      this.audit,
      request,
      `${type}/${id}`,
      (repository) => repository.read(type, id),
      theOne,
    );
    return answer(request, reply, metaOf(version));
  }

  private async metaOfMany(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { type = '' } = request.params as Params;
    assertOnly(operationInput(request), []);
    const { version } = sessionOf(request).runtime.database;
    if (type !== '') assertKnownType(request, type);
    const meta = await readAsCaller(
      this.audit,
      request,
      type === '' ? '$meta' : `${type}/$meta`,
      (repository) => collectMeta(repository, (query) => parseSearchAt(version, type, query, { handling: 'strict' })),
      // Labels of all resources together are nobody's data.
      () => [],
    );
    return answer(request, reply, meta);
  }

  private async change(
    request: FastifyRequest,
    reply: FastifyReply,
    change: (meta: JsonObject, other: JsonObject) => JsonObject,
  ): Promise<void> {
    const { type = '', id = '' } = request.params as Params;
    const input = operationInput(request);
    assertOnly(input, ['meta']);
    const other = input.objects.find(([name]) => name === 'meta')?.[1];
    assertHasParts(other);
    const { version } = await runAsCaller(request, (repository) =>
      repository.changeMeta(type, id, (meta) => change(meta, other)),
    );
    this.audit.sealSoon(sessionOf(request).runtime.database);
    return answer(request, reply, metaOf(version));
  }
}

/** Walks over everything that the search finds. Throws `too-costly` when that is more than can be looked at. */
async function collectMeta(
  repository: ResourceRepository,
  searchBy: (query: [string, string][]) => Parameters<ResourceRepository['search']>[0],
): Promise<JsonObject> {
  const collection = new MetaCollection();
  let cursor: string | undefined;
  let looked = 0;
  do {
    const page: [string, string][] = [['_count', String(PAGE_SIZE)]];
    const { hits, next } = await repository.search(
      searchBy(cursor === undefined ? page : [...page, ['_cursor', cursor]]),
    );
    for (const hit of hits) collection.add(metaOf(hit));
    looked += hits.length;
    if (next !== undefined && looked >= MAX_RESOURCES) {
      throw tooCostly(`$meta looks at ${MAX_RESOURCES} resources at most; ask for one type, or for one resource.`);
    }
    cursor = next;
  } while (cursor !== undefined);
  return collection.meta();
}

function metaOf({ body }: StoredVersion): JsonObject {
  const { meta } = JSON.parse(body) as { meta: JsonObject };
  return metaParts(meta);
}

function answer(request: FastifyRequest, reply: FastifyReply, meta: JsonObject): void | Promise<void> {
  void reply.header('cache-control', CACHE_CONTROL);
  // FHIR has no empty objects: what has no tags, labels and profiles is an answer without the parameter.
  const parameter = Object.keys(meta).length === 0 ? {} : { parameter: [{ name: 'return', valueMeta: meta }] };
  const parameters = { resourceType: 'Parameters', ...parameter };
  return sendText(request, reply, 200, JSON.stringify(parameters));
}

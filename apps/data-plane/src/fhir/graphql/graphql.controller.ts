import { Controller, Get, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import {
  executeGraphql,
  isMutation,
  type GraphqlAnswer,
  type GraphqlRequest,
  type ResourceIdentity,
} from '#fhir-graphql';
import { ReadAudit } from '#fhir-store';
import { JSON_TYPE, sendText } from '../../http/send.js';
import { SignedAttachments } from '../../storage/signed-attachments.js';
import { sessionOf } from '../../tenant/request-tenant.js';
import { assertKnownType } from '../known-type.js';
import { runAsCaller } from '../run-as-caller.js';
import { CACHE_CONTROL } from '../version-answer.js';
import { graphqlOfBody, graphqlOfUrl } from './graphql-request.js';
import { type AsCaller, type GraphqlAccess, repositorySource, repositoryWriter } from './repository-source.js';

const GRAPHQL_ANSWER_TYPE = 'application/graphql-response+json';

/** `$graphql` over the whole project and over one resource (https://hl7.org/fhir/R4/graphql.html). */
@Controller('fhir')
export class GraphqlController {
  constructor(
    private readonly audit: ReadAudit,
    private readonly attachments: SignedAttachments,
  ) {}

  @Get(['$graphql', ':type/:id/$graphql'])
  async query(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const graphql = requestOf(request, graphqlOfUrl(request));
    return send(request, reply, await this.read(request, graphql));
  }

  @Post(['$graphql', ':type/:id/$graphql'])
  async execute(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const graphql = requestOf(request, graphqlOfBody(request));
    const { version } = sessionOf(request).runtime.database;
    const run = isMutation(version, graphql) ? this.change(request, graphql) : this.read(request, graphql);
    return send(request, reply, await run);
  }

  /** Everything is read with the same rights: when they change meanwhile, it is all read again. */
  private read(request: FastifyRequest, graphql: GraphqlRequest): Promise<GraphqlAnswer> {
    return runAsCaller(request, (repository) => {
      const asCaller: AsCaller = (work) => work(repository);
      return executeGraphql(repositorySource(request, this.accessOf(asCaller)), graphql);
    });
  }

  /** A mutation cannot be repeated as a whole, so each of its parts is done with the rights of that moment. */
  private change(request: FastifyRequest, graphql: GraphqlRequest): Promise<GraphqlAnswer> {
    const asCaller: AsCaller = (work) => runAsCaller(request, work);
    const access = this.accessOf(asCaller);
    const writer = repositoryWriter(request, access);
    return executeGraphql({ ...repositorySource(request, access), writer }, graphql);
  }

  private accessOf(asCaller: AsCaller): GraphqlAccess {
    return { audit: this.audit, attachments: this.attachments, asCaller };
  }
}

/** Throws 404 for an address below a type that the project's FHIR version does not have. */
function requestOf(request: FastifyRequest, graphql: GraphqlRequest): GraphqlRequest {
  const { type, id } = request.params as Partial<ResourceIdentity>;
  if (type === undefined || id === undefined) return graphql;
  assertKnownType(request, type);
  return { ...graphql, instance: { type, id } };
}

function send(request: FastifyRequest, reply: FastifyReply, { status, body }: GraphqlAnswer): void | Promise<void> {
  void reply.header('cache-control', CACHE_CONTROL);
  if (status === 405) void reply.header('allow', 'POST');
  const wantsOwnType = request.headers.accept?.includes(GRAPHQL_ANSWER_TYPE) === true;
  return sendText(request, reply, status, body, wantsOwnType ? `${GRAPHQL_ANSWER_TYPE}; charset=utf-8` : JSON_TYPE);
}

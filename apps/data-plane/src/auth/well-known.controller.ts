import { Controller, Get, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { JSON_TYPE, sendText } from '../http/send.js';
import { BaseUrls } from '../tenant/base-urls.js';
import { tenantOf } from '../tenant/request-tenant.js';
import {
  authorizationServerMetadata,
  type DiscoveryAddress,
  jsonWebKeySet,
  KEY_SET_MAX_AGE_SECONDS,
  openidConfiguration,
  protectedResourceMetadata,
  smartConfiguration,
} from './discovery-documents.js';
import { Public } from './public.decorator.js';

@Public()
@Controller()
export class WellKnownController {
  constructor(private readonly baseUrls: BaseUrls) {}

  @Get('.well-known/jwks.json')
  keys(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void | Promise<void> {
    void reply.header('cache-control', `public, max-age=${KEY_SET_MAX_AGE_SECONDS}`);
    return send(request, reply, jsonWebKeySet(tenantOf(request).entry.signingKeys));
  }

  @Get(['.well-known/openid-configuration', 'fhir/.well-known/openid-configuration'])
  openid(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void | Promise<void> {
    return send(request, reply, openidConfiguration(this.addressOf(request)));
  }

  @Get('.well-known/oauth-authorization-server')
  authorizationServer(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void | Promise<void> {
    return send(request, reply, authorizationServerMetadata(this.addressOf(request)));
  }

  @Get(['.well-known/oauth-protected-resource', 'fhir/.well-known/oauth-protected-resource'])
  protectedResource(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void | Promise<void> {
    return send(request, reply, protectedResourceMetadata(this.addressOf(request)));
  }

  @Get(['.well-known/smart-configuration', 'fhir/.well-known/smart-configuration'])
  smart(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void | Promise<void> {
    return send(request, reply, smartConfiguration(this.addressOf(request)));
  }

  /** Says that the project's address works, in the form that MedplumClient expects. */
  @Get('healthcheck')
  healthcheck(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void | Promise<void> {
    tenantOf(request);
    return send(request, reply, { ok: true });
  }

  private addressOf(request: FastifyRequest): DiscoveryAddress {
    const tenant = tenantOf(request);
    return { issuer: this.baseUrls.canonicalOf(tenant.entry), baseUrl: this.baseUrls.ofRequest(request, tenant) };
  }
}

function send(request: FastifyRequest, reply: FastifyReply, document: object): void | Promise<void> {
  return sendText(request, reply, 200, JSON.stringify(document), JSON_TYPE);
}

import { Controller, Get, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { fhirVersion } from '#fhir';
import { Public } from '../auth/public.decorator.js';
import { sendText } from '../http/send.js';
import { BaseUrls } from '../tenant/base-urls.js';
import { tenantOf } from '../tenant/request-tenant.js';
import { capabilityStatement } from './capability-statement.js';

@Controller('fhir')
export class MetadataController {
  constructor(private readonly baseUrls: BaseUrls) {}

  /** The capabilities interaction (https://hl7.org/fhir/R4/http.html#capabilities); open to everybody. */
  @Public()
  @Get('metadata')
  metadata(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void | Promise<void> {
    const tenant = tenantOf(request);
    const statement = capabilityStatement(fhirVersion(tenant.entry.fhirVersion), {
      fhirBase: this.baseUrls.fhirBaseOfRequest(request, tenant),
      baseUrl: this.baseUrls.ofRequest(request, tenant),
    });
    return sendText(request, reply, 200, statement);
  }
}

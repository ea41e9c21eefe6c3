import { Controller, Get, HttpCode, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { notSupported } from '#fhir';
import { JSON_TYPE, sendText } from '../../http/send.js';
import { InPerson } from '../in-person.decorator.js';
import { Public } from '../public.decorator.js';

/** Second factors are not offered: nobody is enrolled, and nobody who would need one can log in. */
@InPerson()
@Controller('auth/mfa')
export class MfaController {
  @Get('status')
  status(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void | Promise<void> {
    return sendText(request, reply, 200, JSON.stringify({ enrolled: false }), JSON_TYPE);
  }

  @Post(['enroll', 'disable'])
  @HttpCode(200)
  change(): never {
    throw notSupported('Second factors are not offered here');
  }

  @Public()
  @Post(['verify', 'login-enroll'])
  @HttpCode(200)
  verify(): never {
    throw notSupported('Second factors are not offered here');
  }
}

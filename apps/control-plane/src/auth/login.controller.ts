import { Body, Controller, HttpCode, Post, Req } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { ApiProblems } from '../openapi/problem-responses.js';
import { LoginDto, LoginResponse } from './dto/login.dto.js';
import { LoginService } from './login.service.js';
import { Public } from './public.decorator.js';

@ApiTags('auth')
@Controller('auth')
export class LoginController {
  constructor(private readonly logins: LoginService) {}

  @Post('login')
  @Public()
  @HttpCode(200)
  @ApiOperation({ summary: 'Log in as an operator', security: [] })
  @ApiOkResponse({ type: LoginResponse })
  @ApiProblems(400, 401, 429)
  login(@Body() { email, password }: LoginDto, @Req() request: FastifyRequest): Promise<LoginResponse> {
    return this.logins.login({ email, password, address: request.ip, requestId: request.id });
  }
}

import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { AccessTokenAuthenticator } from './access-token-authenticator.js';
import { ApiKeyAuthenticator } from './api-key-authenticator.js';
import { AuthenticationGuard } from './authentication.guard.js';
import { DeniedAttempts } from './denied-attempts.js';
import { LoginController } from './login.controller.js';
import { LoginService } from './login.service.js';

/** Who the caller is. Its guard stands before every route of the app. */
@Module({
  controllers: [LoginController],
  providers: [
    AccessTokenAuthenticator,
    ApiKeyAuthenticator,
    DeniedAttempts,
    LoginService,
    { provide: APP_GUARD, useClass: AuthenticationGuard },
  ],
})
export class AuthModule {}

/** What the identity routes are made of, for the module of the data plane. */
import type { Provider, Type } from '@nestjs/common';
import { systemClock } from '#platform';
import { AccessTokenStrategy } from './access-token.strategy.js';
import { AccountController } from './account/account.controller.js';
import { SecurityRequests } from './account/security-requests.js';
import { AuthorizeController } from './authorize/authorize.controller.js';
import { ClientAuthenticator } from './client-authenticator.js';
import { LoginBackoff } from './login-backoff.js';
import { LoginController } from './login/login.controller.js';
import { LoginFlow } from './login/login-flow.js';
import { PersonAuthenticator } from './login/person-authenticator.js';
import { MeController } from './me/me.controller.js';
import { MfaController } from './mfa/mfa.controller.js';
import { SecondFactors } from './mfa/second-factors.js';
import { LinkPagesController } from './pages/link-pages.controller.js';
import { RegistrationController } from './registration/registration.controller.js';
import { ClientAssertions } from './token/client-assertion.js';
import { ClientKeys } from './token/client-keys.js';
import type { FetchText } from './token/fetch-public.js';
import { IntrospectionController } from './token/introspection.controller.js';
import { OAuthController } from './token/oauth.controller.js';
import { ClientProof } from './token/prove-client.js';
import { UserinfoController } from './userinfo/userinfo.controller.js';
import { WellKnownController } from './well-known.controller.js';

export const identityControllers: readonly Type[] = [
  OAuthController,
  IntrospectionController,
  AuthorizeController,
  UserinfoController,
  LoginController,
  RegistrationController,
  AccountController,
  MfaController,
  LinkPagesController,
  MeController,
  WellKnownController,
];

/** `fetchText` gets the key sets of clients. */
export function identityProviders(fetchText: FetchText): Provider[] {
  return [
    { provide: LoginBackoff, useFactory: () => new LoginBackoff(systemClock) },
    {
      provide: ClientAuthenticator,
      inject: [LoginBackoff],
      useFactory: (backoff: LoginBackoff) => new ClientAuthenticator(backoff),
    },
    {
      provide: PersonAuthenticator,
      inject: [LoginBackoff],
      useFactory: (backoff: LoginBackoff) => new PersonAuthenticator(backoff),
    },
    {
      provide: ClientAssertions,
      inject: [ClientAuthenticator],
      useFactory: (clients: ClientAuthenticator) =>
        new ClientAssertions(new ClientKeys(fetchText, systemClock), clients),
    },
    {
      provide: SecondFactors,
      inject: [LoginBackoff],
      useFactory: (backoff: LoginBackoff) => new SecondFactors(backoff, systemClock),
    },
    ClientProof,
    LoginFlow,
    SecurityRequests,
    AccessTokenStrategy,
  ];
}

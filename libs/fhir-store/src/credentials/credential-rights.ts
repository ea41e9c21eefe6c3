import type { Context } from '../rights/rights.js';

/**
 * What says how a client proves who it is and where those who log in through it are sent, with all rights that they have.
 * A rule about ClientApplications grants no such thing.
 */
const securityFields: ReadonlyMap<string, readonly string[]> = new Map([
  [
    'ClientApplication',
    [
      'secret',
      'retiringSecret',
      'jwksUri',
      'redirectUri',
      'redirectUris',
      'pkceOptional',
      'identityProvider',
      'allowedOrigin',
    ],
  ],
]);

/**
 * The fields of a type that the caller cannot write because that is for administrators of the project alone, whatever a
 * policy says. Like fields that a policy makes readonly they keep their stored value, and stay away where nothing is stored.
 */
export const fieldsOfAdministrators = ({ caller: { policy } }: Context, type: string): readonly string[] =>
  policy.projectAdmin ? [] : (securityFields.get(type) ?? []);

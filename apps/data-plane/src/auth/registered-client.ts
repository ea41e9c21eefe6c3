/** What a ClientApplication says about logging in through it. */
import { systemPolicy } from '#access-policy';
import { ResourceRepository, type StoredResource, type TenantDatabase } from '#fhir-store';
import { allowedOriginsOf } from './allowed-origins.js';
import { foundOrUndefined } from './found-or-undefined.js';
import { isActiveClient } from './principal.js';

export interface RegisteredClient {
  readonly id: string;
  readonly name?: string;
  /** Where codes may be sent, compared as text. */
  readonly redirectUris: readonly string[];
  /** Whether a code may be exchanged with the client's secret alone. */
  readonly pkceOptional: boolean;
  readonly accessTokenSeconds: number;
  readonly refreshTokenSeconds: number;
  /** What is granted when nothing is asked for. */
  readonly defaultScope: readonly string[];
  readonly jwksUri?: string;
  /** From pages of which origins its tokens may be got; undefined: any. */
  readonly allowedOrigins?: ReadonlySet<string> | undefined;
}

export const DEFAULT_ACCESS_SECONDS = 3600;
export const DEFAULT_REFRESH_SECONDS = 14 * 86_400;
/** Beyond these a lifetime is a slip of the keyboard; the keys of a project must outlive its tokens. */
const MAX_ACCESS_SECONDS = 86_400;
const MAX_REFRESH_SECONDS = 366 * 86_400;

const SECONDS_PER_UNIT: Readonly<Record<string, number>> = {
  s: 1,
  m: 60,
  h: 3600,
  d: 86_400,
  w: 7 * 86_400,
  y: 365 * 86_400,
};

/** The client, or undefined when there is none that is switched on: nobody is to be able to tell which. */
export async function findRegisteredClient(
  database: TenantDatabase,
  id: string,
  requestId: string,
): Promise<RegisteredClient | undefined> {
  const repository = new ResourceRepository(database, {
    policy: systemPolicy('log-in through a client'),
    agent: 'system/identity',
    requestId,
  });
  const stored = await foundOrUndefined(() => repository.read('ClientApplication', id));
  return stored && registeredClient(JSON.parse(stored.body) as StoredResource);
}

/** Reads a ClientApplication; undefined when it is switched off. */
export function registeredClient(client: StoredResource): RegisteredClient | undefined {
  if (!isActiveClient(client)) return undefined;
  const { name, jwksUri, redirectUri } = client;
  return {
    id: client.id,
    ...(typeof name === 'string' ? { name } : {}),
    ...(typeof jwksUri === 'string' ? { jwksUri } : {}),
    redirectUris: [...(typeof redirectUri === 'string' ? [redirectUri] : []), ...textsOf(client.redirectUris)],
    pkceOptional: client.pkceOptional === true,
    accessTokenSeconds: lifetime(client.accessTokenLifetime, DEFAULT_ACCESS_SECONDS, MAX_ACCESS_SECONDS),
    refreshTokenSeconds: lifetime(client.refreshTokenLifetime, DEFAULT_REFRESH_SECONDS, MAX_REFRESH_SECONDS),
    defaultScope: textsOf(client.defaultScope),
    allowedOrigins: allowedOriginsOf(client),
  };
}

function lifetime(text: unknown, otherwise: number, longest: number): number {
  const [, count, unit = ''] = typeof text === 'string' ? (/^(\d{1,9})([smhdwy])$/.exec(text) ?? []) : [];
  const seconds = Number(count ?? 0) * (SECONDS_PER_UNIT[unit] ?? 0);
  return seconds === 0 ? otherwise : Math.min(seconds, longest);
}

const textsOf = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((text): text is string => typeof text === 'string') : [];

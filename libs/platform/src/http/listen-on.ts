import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { isIPv6, type AddressInfo } from 'node:net';
import { explainListenError, type PortVariable } from './listen-error.js';

/**
 * Starts listening and gives back the URL, with the port that was chosen when `port` is 0. A port that is taken or not
 * allowed is a ConfigError that names the variable to change.
 */
export async function listenOn(
  app: NestFastifyApplication,
  host: string,
  port: number,
  variable: PortVariable,
): Promise<string> {
  try {
    await app.listen(port, host);
  } catch (error) {
    throw explainListenError(error, host, port, variable);
  }
  return localUrl(host, (app.getHttpServer().address() as AddressInfo).port);
}

/** How a client on this machine reaches `host`; what listens on every address is reached on the loopback address. */
export function localUrl(host: string, port: number): string {
  if (host === '0.0.0.0') return `http://127.0.0.1:${port}`;
  if (host === '::') return `http://[::1]:${port}`;
  return `http://${isIPv6(host) ? `[${host}]` : host}:${port}`;
}

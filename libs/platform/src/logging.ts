import type { LoggerService } from '@nestjs/common';
import { pino, stdTimeFunctions, type Logger } from 'pino';
import { PinoPretty } from 'pino-pretty';
import type { Config } from './config/config.js';
import { describeError } from './describe-error.js';

export type { Logger } from 'pino';

/** A logger on stdout; every line carries the app's name. `pretty` is for people at a terminal, `json` for machines. */
export function createLogger(config: Pick<Config, 'logLevel' | 'logFormat'>, app: string): Logger {
  const options = {
    level: config.logLevel,
    base: { app },
    timestamp: stdTimeFunctions.isoTime,
    serializers: { err: describeError },
  };
  if (config.logFormat === 'json') return pino(options);
  return pino(
    options,
    PinoPretty({ colorize: process.stdout.isTTY, ignore: 'app', messageFormat: `[${app}] {msg}`, sync: true }),
  );
}

/** Nest's own messages through our logger; its chatter about modules and routes goes to `debug`. */
export function nestLogger(logger: Logger): LoggerService {
  return {
    log: (message: unknown, ...rest: unknown[]) => write(logger, 'debug', message, rest),
    error: (message: unknown, ...rest: unknown[]) => write(logger, 'error', message, rest),
    warn: (message: unknown, ...rest: unknown[]) => write(logger, 'warn', message, rest),
    debug: (message: unknown, ...rest: unknown[]) => write(logger, 'debug', message, rest),
    verbose: (message: unknown, ...rest: unknown[]) => write(logger, 'trace', message, rest),
    fatal: (message: unknown, ...rest: unknown[]) => write(logger, 'fatal', message, rest),
  };
}

/** Nest passes the context as the last argument and, for errors, the stack before it. */
function write(
  logger: Logger,
  level: 'trace' | 'debug' | 'warn' | 'error' | 'fatal',
  message: unknown,
  rest: unknown[],
) {
  const context = typeof rest.at(-1) === 'string' ? rest.at(-1) : undefined;
  const stack = rest.length > 1 && typeof rest[0] === 'string' ? rest[0] : undefined;
  if (message instanceof Error) logger[level]({ context, err: message }, message.message);
  else logger[level]({ context, stack }, typeof message === 'string' ? message : JSON.stringify(message));
}

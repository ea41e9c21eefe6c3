import { ConfigError } from '../config/config.js';

export type PortVariable = 'CONTROL_PORT' | 'DATA_PORT' | 'WORKER_PORT';

/** A port that cannot be listened on, said as the variable to change; any other error as it is. */
export function explainListenError(error: unknown, host: string, port: number, variable: PortVariable): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE') {
    return new ConfigError(variable, `port ${port} on ${host} is in use; choose another, or 0 for any free one`);
  }
  if (code === 'EACCES') {
    return new ConfigError(variable, `this user may not listen on port ${port}; choose one above 1023`);
  }
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return new ConfigError('HOST', 'expected an address of this machine');
  }
  return error;
}

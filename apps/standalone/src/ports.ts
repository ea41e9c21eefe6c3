import { ConfigError, explainListenError, type Config, type PortVariable } from '#platform';
import { createServer, type AddressInfo } from 'node:net';

/** The ports that the three servers will listen on. */
export interface Ports {
  control: number;
  data: number;
  worker: number;
}

/**
 * Chooses the ports before anything is started, so that a taken one is told at once, and so that the servers know of
 * each other's: 0 becomes a free port. Throws a ConfigError that names the variable.
 */
export async function choosePorts(config: Config): Promise<Ports> {
  const control = await choosePort(config.host, config.controlPort, 'CONTROL_PORT');
  const data = await choosePort(config.host, config.dataPort, 'DATA_PORT');
  const worker = await choosePort(config.host, config.workerPort, 'WORKER_PORT');
  if (data === control) throw new ConfigError('DATA_PORT', 'expected another port than CONTROL_PORT');
  if (worker === control || worker === data) {
    throw new ConfigError('WORKER_PORT', 'expected another port than CONTROL_PORT and DATA_PORT');
  }
  return { control, data, worker };
}

async function choosePort(host: string, port: number, variable: PortVariable): Promise<number> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, resolve);
    });
  } catch (error) {
    throw explainListenError(error, host, port, variable);
  }
  const chosen = (server.address() as AddressInfo).port;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return chosen;
}

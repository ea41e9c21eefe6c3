import type { DataSource } from 'typeorm';
import {
  ClusterRepository,
  FleetRepository,
  RolloutProjectsRepository,
  RolloutWorkRepository,
  TenantDatabaseRepository,
  WaveTrafficRepository,
} from '#control-database';
import { type Config, type KeyProvider, localUrl, type Logger, systemClock } from '#platform';
import type { SchemaStep } from '#tenant-schema';
import type { ClusterAdmins } from '../clusters/cluster-admins.js';
import type { Reconciler } from '../reconcilers/reconciler.js';
import { RolloutRunner, type RolloutRunnerOptions } from './rollout-runner.js';
import { runnableRollouts, runNotifiedRollouts } from './runnable-rollouts.js';

/** Rollouts as a part of a worker. */
export interface Rollouts {
  /** Finds the rollouts of which no notification came. */
  readonly reconciler: Reconciler;
  /** Gives back the rollouts that run, when what they have begun has ended. */
  close(): Promise<void>;
}

/** Runs rollouts from now on, as soon as the control database announces them. */
export async function startRollouts(
  dependencies: {
    readonly config: Pick<Config, 'databaseUrl' | 'publicDataUrl' | 'host' | 'dataPort'> & {
      readonly databaseUrl: string;
    };
    readonly dataSource: DataSource;
    /** Of the same database, without waiting for the disk. */
    readonly undurable: DataSource;
    readonly admins: ClusterAdmins;
    readonly keyProvider: KeyProvider;
    readonly steps: readonly SchemaStep[];
    readonly logger: Logger;
  } & Pick<RolloutRunnerOptions, 'workerId' | 'leaseMs' | 'onMoment'>,
): Promise<Rollouts> {
  const { config, dataSource, undurable, admins, keyProvider, steps, logger, workerId, leaseMs, onMoment } =
    dependencies;
  const rollouts = new RolloutWorkRepository(dataSource);
  const services = {
    rollouts,
    projects: new RolloutProjectsRepository(undurable),
    fleet: new FleetRepository(dataSource),
    traffic: new WaveTrafficRepository(dataSource),
    clusters: new ClusterRepository(dataSource),
    tenantDatabases: new TenantDatabaseRepository(dataSource),
    keyProvider,
    admins,
    steps,
    dataPlane: {
      url: config.publicDataUrl ?? localUrl(config.host, config.dataPort),
      isConfigured: config.publicDataUrl !== undefined,
    },
    clock: systemClock,
    logger,
  };
  const runner = new RolloutRunner({
    services,
    workerId,
    ...(leaseMs === undefined ? {} : { leaseMs }),
    ...(onMoment === undefined ? {} : { onMoment }),
  });
  const notified = await runNotifiedRollouts(config.databaseUrl, runner, logger);
  return {
    reconciler: runnableRollouts(rollouts, runner, logger),
    close: async () => {
      await notified.close();
      await runner.close();
    },
  };
}

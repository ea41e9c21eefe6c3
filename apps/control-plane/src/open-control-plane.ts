import { RequestMethod } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { FleetTarget, openControlDatabase, OperatorRepository } from '#control-database';
import { tenantMigrations, type TenantMigration } from '#migrations/tenant';
import { openOperationQueue } from '#operations';
import {
  createHttpApp,
  loadMasterKey,
  localUrl,
  masterKeyProvider,
  systemClock,
  type Clock,
  type Config,
  type Logger,
} from '#platform';
import { schemaSteps } from '#tenant-schema';
import { AppModule } from './app.module.js';
import { bootstrapAdmin } from './auth/bootstrap-admin.js';
import { protectAnswers } from './environment/answer-headers.js';
import { ControlKeys } from './environment/control-keys.js';
import { ApiDescription } from './openapi/api-description.controller.js';
import { buildApiDocument } from './openapi/api-document.js';
import { acceptOnlyJsonBodies } from './problems/json-bodies.js';
import { answerUnroutable } from './problems/problem.filter.js';

export interface ControlPlaneOptions {
  config: Config;
  logger: Logger;
  clock?: Clock;
  /** Where the line goes that tells a generated password of the first operator. */
  announce: (line: string) => void;
  /** The migrations that rollouts may bring to the fleet; this release's own by default. */
  migrations?: readonly (new () => TenantMigration)[];
}

const bodyLimitBytes = 256 * 1024;

/**
 * Opens the control database (migrating it), makes the first operator if there is none, and gives the app, ready to
 * listen. Closing the app closes all of it. Rejects when the database or the fleet is of a later release.
 */
export async function openControlPlane(options: ControlPlaneOptions): Promise<NestFastifyApplication> {
  const { config, logger, clock = systemClock, announce, migrations = tenantMigrations } = options;
  const steps = await schemaSteps(migrations);
  const masterKey = loadMasterKey(config);
  const keys = new ControlKeys(masterKey);
  const keyProvider = masterKeyProvider(masterKey);
  const dataSource = await openControlDatabase(config, { migrate: true });
  const closers = [() => dataSource.destroy()];
  const close = async () => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    await new FleetTarget(dataSource).ensure(steps.length);
    await bootstrapAdmin(config, new OperatorRepository(dataSource), announce);
    const queue = await openOperationQueue({
      databaseUrl: config.databaseUrl!,
      redisUrl: config.redisUrl,
      onError: (error) => logger.warn({ err: error }, 'the operation queue reported an error'),
    });
    closers.push(() => queue.close());
    const app = await createHttpApp(
      AppModule.forRoot(dataSource, { config, logger, clock, queue, keys, keyProvider, schemaSteps: steps }),
      {
        config,
        logger,
        app: 'control-plane',
        bodyLimitBytes,
        answerUnroutable,
        configureFastify: (fastify) => {
          protectAnswers(fastify);
          acceptOnlyJsonBodies(fastify);
          // Runs when the server has let go of its last request.
          fastify.addHook('onClose', close);
        },
      },
    );
    app.setGlobalPrefix('control/v1', { exclude: [{ path: '/', method: RequestMethod.GET }] });
    const publicUrl = config.publicControlUrl ?? localUrl(config.host, config.controlPort);
    app.get(ApiDescription).set(buildApiDocument(app, publicUrl));
    return app;
  } catch (error) {
    await close();
    throw error;
  }
}

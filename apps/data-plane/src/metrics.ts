import { Gauge } from 'prom-client';
import { metrics } from '#platform';
import type { ConnectionBroker } from '#postgres';
import type { TenantDirectory } from '#tenancy';
import type { SessionCache } from './auth/session-cache.js';
import type { TenantRuntimes } from './tenant/tenant-runtime.js';
import type { UnservedSchemas } from './tenant/unserved-schemas.js';

export interface Measured {
  readonly broker: ConnectionBroker;
  readonly directory: TenantDirectory;
  readonly runtimes: TenantRuntimes;
  readonly sessions: SessionCache;
  readonly unserved: UnservedSchemas;
}

/** Shows the data plane's own numbers at `/metrics`; they are read when somebody looks. Gives back what removes them. */
export function showMetrics({ broker, directory, runtimes, sessions, unserved }: Measured): () => void {
  const gauges: Record<string, [help: string, read: () => number]> = {
    tenant_connections_open: [
      'Connections to tenant databases, those being opened included.',
      () => broker.stats().open,
    ],
    tenant_connections_idle: ['Connections to tenant databases that nobody uses.', () => broker.stats().idle],
    tenant_connections_dialling: ['Connections to tenant databases being opened.', () => broker.stats().dialling],
    tenant_connections_waiting: ['Requests that wait for a connection.', () => broker.stats().waiting],
    tenant_directory_projects: ['Projects in the directory.', () => directory.size],
    tenant_directory_stale_seconds: ['Age of the directory.', () => directory.staleForMs / 1000],
    tenant_runtimes: ['Projects whose keys are in memory.', () => runtimes.size],
    boxyard_projects_schema_unserved: [
      'Projects that are refused because their tenant schema is too old for this release.',
      () => unserved.size,
    ],
    token_cache_sessions: ['Sessions in the cache.', () => sessions.size],
  };
  const shown = Object.entries(gauges).map(([name, [help, read]]) => {
    // The registry belongs to the process; where a test starts several data planes in one, the last one is shown.
    metrics.removeSingleMetric(name);
    const gauge = new Gauge({
      name,
      help,
      registers: [metrics],
      collect() {
        this.set(read());
      },
    });
    return { name, gauge };
  });
  return () => {
    for (const { name, gauge } of shown) {
      if (metrics.getSingleMetric(name) === gauge) metrics.removeSingleMetric(name);
    }
  };
}

/** Server settings, as PostgreSQL spells them. */
export type ServerSettings = Readonly<Record<string, string>>;

/**
 * Settings of the embedded server, given on its command line at each start, so that a release can change them. They fit
 * a server with up to some thousands of small databases.
 */
export const embeddedSettings: ServerSettings = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '500',
  shared_buffers: '192MB',
  // New databases are written to the WAL whole (4.5 MiB each); a checkpoint must not follow every few hundred of them.
  max_wal_size: '4GB',
  min_wal_size: '256MB',
  checkpoint_timeout: '15min',
  checkpoint_completion_target: '0.9',
  // Divided by the number of databases: with a thousand of them a worker still starts only eight times a second.
  autovacuum_naptime: '2min',
  random_page_cost: '1.1',
  timezone: 'UTC',
  log_timezone: 'UTC',
  // Statements and error details hold patients' data, which does not belong into a log file.
  log_min_messages: 'warning',
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
  log_checkpoints: 'off',
  log_line_prefix: '%m [%p] %d ',
  cluster_name: 'boxyard',
};

/** `-c name=value` for each setting. */
export function toArguments(settings: ServerSettings): string[] {
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

export { compiledSql, identifier, join, named, sql, type Sql, type SqlFragment } from './sql.js';
export type { Connection, ConnectionLimits, DatabaseTarget, TlsSettings, TransactionOptions } from './connection.js';
export { connectOnce, type OwnedConnection } from './connect-once.js';
export { listen, type Listener } from './listen.js';
export {
  startEmbeddedPostgres,
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
} from './embedded/start-embedded-postgres.js';
export { isSerializationFailure, isUniqueViolation, sqlState } from './errors.js';
export { ConnectionBroker, type ConnectionBrokerOptions } from './broker/connection-broker.js';
export {
  commentOnDatabase,
  createDatabase,
  databaseComment,
  databaseExists,
  dropDatabase,
  ensureDatabase,
  isOpenToPublic,
  renameDatabase,
  revokePublicConnect,
  terminateConnections,
  type NewDatabase,
} from './admin/databases.js';
export { ddlBlock } from './admin/ddl-block.js';
export { disableLogin, dropRole, ensureLoginRole } from './admin/roles.js';

/** #fhir-store: reads and writes the resources of one tenant database. */
export { tenantDatabase, type TenantDatabase } from './tenant-database.js';
export { StaleRights, type Caller } from './caller.js';
export { ResourceRepository } from './repository.js';
export { contextUnreadable, securityContextOf } from './security-context.js';
export { isUnchanged } from './modified-since.js';
export type { StoredVersion } from './stored-version.js';
export type { Identity } from './sql/read.sql.js';
export type { CreateResult } from './single-writes.js';
export type { UpdateResult } from './writes.js';
export type { SearchResult } from './search.js';
export { historyRequest, type HistoryRequest, type HistoryScope } from './history/history-request.js';
export { historyBundle } from './history/history-bundle.js';
export type { HistoryResult } from './history/read-history.js';
export type { BundleOptions, OperationAnswer, OperationCall, ReturnPreference } from './bundle/bundle-context.js';
export { eTag, shownBody, wholeBody, type Presentation } from './bundle/presentation.js';
export { searchsetBundle } from './bundle/result-bundles.js';
export { outcomeStatus } from './bundle/response-entry.js';
export { findBrokenSeal, recordAudit, sealAudit, type AuditEntry } from './audit/audit.sql.js';
export { ReadAudit, type ReadAuditOptions } from './audit/read-audit.js';
export { findUserPassword, isClientSecret, setClientSecret, setUserPassword } from './credentials/credentials.sql.js';
export type { Credentials } from './credentials/take-credentials.js';
export {
  findClientCredentials,
  readPrincipal,
  type ClientCredentials,
  type PrincipalQuery,
  type PrincipalRecords,
} from './credentials/principal.sql.js';
export { rehearseSeeding, seedProject, type ProjectSeed } from './seed-project.js';

/** #fhir-store: reads and writes the resources of one tenant database. */
export { tenantDatabase, type TenantDatabase } from './tenant-database.js';
export { servesSchema } from './schema-features.js';
export { StaleRights, type Caller } from './caller.js';
export { ResourceRepository } from './repository.js';
export { isUnchanged } from './reading/modified-since.js';
export { inParts } from './reading/in-parts.js';
export { isFhirId, type StoredVersion } from './stored-version.js';
export { assertCurrentEpoch, type Identity } from './sql/read.sql.js';
export type { SearchResult } from './search/search.js';
export { searchBinaryVersions } from './sql/binary-versions.sql.js';
export { operatorSettingsPatch } from './operator-settings.js';
export { historyRequest, type HistoryScope } from './history/history-request.js';
export { historyBundle } from './history/history-bundle.js';
export type { HistoryResult } from './history/read-history.js';
export type { BundleOptions, OperationAnswer, OperationCall, ReturnPreference } from './bundle/bundle-context.js';
export { eTag, shownBody, wholeBody, type Presentation } from './bundle/presentation.js';
export { searchsetBundle } from './bundle/result-bundles.js';
export { outcomeStatus } from './bundle/response-entry.js';
export { accountsInQuery } from './accounts/account.js';
export { chartsOf, chartType } from './accounts/patient-compartment.js';
export { auditOrigin } from './audit/audit-origin.js';
export { subjectsOf, type AuditedResource } from './audit/audit-subjects.js';
export { denialRecorded, isDenialRecorded } from './audit/recorded-denials.js';
export { findBrokenSeal, recordAudit, sealAudit, type AuditEntry } from './audit/audit.sql.js';
export { ReadAudit } from './audit/read-audit.js';
export {
  findUserPassword,
  isClientSecret,
  isMarkCurrent,
  passwordMark,
  setClientSecret,
  setUserPassword,
} from './credentials/credentials.sql.js';
export { beginLoginAttempt, forgetLoginAttempts, type AttemptSubject } from './credentials/login-attempts.sql.js';
export {
  changeLoginDetails,
  findLoginSession,
  forgetExpiredLogins,
  insertLoginSession,
  issueLoginCode,
  liveLoginIds,
  rotateRefreshHash,
  type LoginSession,
} from './credentials/login-session.sql.js';
export {
  changePassword,
  grantLogin,
  recordLogin,
  revokeLogins,
  type LoginAgent,
  type LoginProof,
} from './credentials/logins.js';
export {
  countCode,
  findSecondFactor,
  takeCodeStep,
  type RightCode,
  type SecondFactor,
} from './credentials/second-factor.sql.js';
export { enrolSecondFactor, removeSecondFactor } from './credentials/second-factors.js';
export { registerPatient, registerUser, registrationPolicy } from './credentials/registration.js';
export {
  addSecurityRequest,
  confirmAddress,
  isGoodLink,
  type SecurityLink,
  type SecurityRequestType,
} from './credentials/security-links.js';
export { addSingleUse } from './credentials/single-use.sql.js';
export {
  createUser,
  findLoginsOf,
  findMembershipsOf,
  findMembershipsOfProfile,
  findUserByEmail,
  normalizedEmail,
  userIdOf,
  type StoredResource,
} from './credentials/users.js';
export {
  findClientCredentials,
  readPrincipal,
  type ClientCredentials,
  type PrincipalQuery,
  type PrincipalRecords,
} from './credentials/principal.sql.js';
export { completeUntil } from './history/history.sql.js';
export {
  LeaseLost,
  type JobEnd,
  type JobKind,
  type JobLease,
  type JobLimits,
  type JobState,
  type LeasedJob,
  type ReachedLimit,
  type StoredJob,
  type WithdrawnJob,
} from './jobs/job.js';
export {
  claimJob,
  endJob,
  findJob,
  insertJob,
  listJobs,
  noteProgress,
  removeJob,
  renewLease,
  returnLease,
  withdrawExpiredJobs,
  withdrawJob,
} from './jobs/jobs.sql.js';
export { leasedDatabase } from './jobs/leased-database.js';
export { rehearseLogIn } from './credentials/rehearse-log-in.js';
export { rehearseSeeding, seedProject, type ProjectSeed } from './seed-project.js';
export { administer, type Administration } from './administration/administration.js';
export type { SecretChange } from './administration/client-secret.sql.js';

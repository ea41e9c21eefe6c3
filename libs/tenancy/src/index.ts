/** #tenancy: from a request's host, path or header to a project and the way into its tenant database. */
export type {
  BaseUrlName,
  ClusterTls,
  ProjectState,
  SealedSigningKey,
  TenantEntry,
  TenantPlacement,
} from './tenant-entry.js';
export { differsInSchemaAlone, hostsOf } from './tenant-entry.js';
export { formerNameUsed } from './former-name.js';
export { ambiguousProject, refusalOf, schemaTooOld, unknownProject } from './project-state.js';
export { hostNameOf, type RequestNames, type RouterOptions, type TenantLookup, TenantRouter } from './tenant-router.js';
export {
  type DirectoryListener,
  type DirectoryOptions,
  type DirectoryPage,
  type DirectorySource,
  TenantDirectory,
} from './tenant-directory.js';
export { projectDirectorySource } from './project-directory-source.js';
export { type AnnouncementOptions, followAnnouncements } from './directory-announcements.js';
export {
  openProjectKey,
  openSigningKey,
  openTenantPassword,
  type ProjectKeys,
  projectKeys,
  tenantPasswordContext,
} from './tenant-keys.js';
export { signingKeyContext } from '#control-database';
export {
  canonicalBaseUrl,
  type PublicAddress,
  publicAddress,
  type RequestAddress,
  requestBaseUrl,
} from './request-base-url.js';

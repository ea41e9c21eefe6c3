/** The project is described by its row; what stands here is what only the worker needs to build it. */
export interface ProjectCreateParams {
  fhirVersion: string;
  name: string;
  /** Where its database is to be; without one on any cluster. */
  placement?: ProjectPlacement;
  /** The ClientApplication with project-admin rights. Its secret is known to the creator alone; only its hash comes here. */
  adminClient: { clientId: string; /** SHA-256, 64 hex digits */ secretSha256: string };
  /** The first person of the project, with a Practitioner profile and a membership with `admin: true`. */
  owner?: ProjectOwner;
}

export interface ProjectPlacement {
  /** Only on a cluster of this region. */
  region?: string;
  /** Only on this cluster. */
  clusterId?: string;
}

interface ProjectOwner {
  email: string;
  firstName?: string;
  lastName?: string;
  /** As `hashPassword` of #platform makes it. Without one the owner sets a password through the invitation. */
  passwordHash?: string;
  /** The invitation's link. Its secret is known to the creator alone; only its hash comes here. */
  invitation?: { /** UUID */ id: string; /** SHA-256, 64 hex digits */ secretSha256: string };
}

export interface ProjectDeleteParams {
  /** ISO 8601 instant from which the project's data may be destroyed. */
  purgeAfter: string;
}

/** A purge needs nothing but its project. */
export type ProjectPurgeParams = Record<string, never>;

interface ProjectRotateAdminClientParams {
  /** The client that `project.create` has made, and the hash of its new secret. */
  adminClient: ProjectCreateParams['adminClient'];
}

/** All of what the operator has decided for a project, not only what is new: whoever runs it writes it all. */
export interface ProjectConfigureParams {
  /** Whether resources must be what their definitions say; else their form alone is checked. */
  strictMode: boolean;
  /** How far a strict project's resources are checked: by their form, or also by invariants and required bindings. */
  validationLevel: 'structure' | 'invariants';
  features: readonly string[];
  /** For how many days the audit is kept at least; null: for ever. */
  auditRetentionDays: number | null;
}

/** The cluster is described by its row. */
interface ClusterRegisterParams {
  clusterId: string;
}

/** What each kind of operation carries. Adding a kind here makes the compiler list the places that must know it. */
export interface OperationParams {
  'project.create': ProjectCreateParams;
  'project.delete': ProjectDeleteParams;
  'project.purge': ProjectPurgeParams;
  'project.rotate-admin-client': ProjectRotateAdminClientParams;
  'project.configure': ProjectConfigureParams;
  'cluster.register': ClusterRegisterParams;
}

export type OperationKind = keyof OperationParams;

export const operationKinds = Object.keys({
  'project.create': true,
  'project.delete': true,
  'project.purge': true,
  'project.rotate-admin-client': true,
  'project.configure': true,
  'cluster.register': true,
} satisfies Record<OperationKind, true>) as readonly OperationKind[];

/** Whether this release knows the kind; a row written by a newer release may carry one that it does not. */
export function isOperationKind(kind: string): kind is OperationKind {
  return (operationKinds as readonly string[]).includes(kind);
}

/** `queued` also between two attempts; the last three are final. */
export type OperationState = 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled';

export type StepState = 'pending' | 'running' | 'done' | 'failed';

/** Why an operation failed, as its reader sees it: never a secret, a password or clinical data. */
export interface OperationError {
  /** Stable, machine-readable: `database-name-taken`. */
  code: string;
  /** The name of the step that failed. */
  step: string;
  message: string;
  /** Whether the same operation may succeed when it is tried again. */
  retryable: boolean;
}

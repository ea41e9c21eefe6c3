import type { OperationKind } from '#operations';
import { configureProject } from './actions/configure-project.action.js';
import { createProject } from './actions/create-project.action.js';
import { deleteProject } from './actions/delete-project.action.js';
import { purgeProject } from './actions/purge-project.action.js';
import { registerCluster } from './actions/register-cluster.action.js';
import { rotateAdminClient } from './actions/rotate-admin-client.action.js';
import type { LifecycleAction } from './lifecycle-action.js';

export type LifecycleActions = { readonly [Kind in OperationKind]: LifecycleAction<Kind> };

/** Every lifecycle action, by the kind of the operations that it runs. */
export const lifecycleActions: LifecycleActions = {
  'project.create': createProject,
  'project.delete': deleteProject,
  'project.purge': purgeProject,
  'project.rotate-admin-client': rotateAdminClient,
  'project.configure': configureProject,
  'cluster.register': registerCluster,
};

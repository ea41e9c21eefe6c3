export {
  type OperationError,
  type OperationKind,
  type OperationParams,
  type OperationState,
  type ProjectConfigureParams,
  type ProjectCreateParams,
  type ProjectDeleteParams,
  type ProjectPlacement,
  type ProjectPurgeParams,
  type StepState,
  isOperationKind,
  operationKinds,
} from './kinds.js';
export { maxAttempts, retryDelayMs } from './retry-policy.js';
export { type OperationQueue, type OperationQueueOptions, openOperationQueue } from './operation-queue.js';

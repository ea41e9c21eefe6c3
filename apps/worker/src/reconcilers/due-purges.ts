import type { AuditRepository, OperationRepository, ProjectRepository, Transactions } from '#control-database';
import { DomainError, newId } from '#platform';
import type { Reconciler } from './reconciler.js';

const everyMs = 60_000;
const batchSize = 100;

/** Queues a purge for every soft-deleted project whose time has come. */
export function duePurges(dependencies: {
  projects: ProjectRepository;
  operations: OperationRepository;
  audit: AuditRepository;
  transactions: Transactions;
  workerId: string;
  /** Told after each, so that nobody has to wait for a timer. */
  onQueued: () => void;
}): Reconciler {
  const { projects, operations, audit, transactions, workerId, onQueued } = dependencies;
  /** False when it is not due any more: purged by now, or taken back by an operator. */
  const queue = async (projectId: string): Promise<boolean> => {
    const operation = {
      id: newId('op'),
      kind: 'project.purge',
      projectId,
      params: {},
      createdBy: `worker:${workerId}`,
    };
    return transactions.run(async (transaction) => {
      if (!(await projects.isPurgeDueForUpdate(projectId, transaction))) return false;
      await operations.create(operation, transaction);
      await audit.append(
        {
          actor: operation.createdBy,
          action: operation.kind,
          target: `project:${projectId}`,
          requestId: operation.id,
          outcome: 'success',
        },
        transaction,
      );
      return true;
    });
  };
  return {
    name: 'due-purges',
    everyMs,
    run: async () => {
      for (const projectId of await projects.listPurgeDue(batchSize)) {
        try {
          if (await queue(projectId)) onQueued();
        } catch (error) {
          // Another worker, or an operator, was quicker.
          if (!(error instanceof DomainError && error.code === 'operation-in-progress')) throw error;
        }
      }
    },
  };
}

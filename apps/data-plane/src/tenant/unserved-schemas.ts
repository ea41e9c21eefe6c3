/**
 * The projects that this release refuses to serve because their tenant databases wait for a rollout (see servesSchema).
 * Each is told to operators once, when it becomes so and when it is over, and counted in the metrics; requests for it are
 * refused without a word in the log.
 */
import type { Logger } from '#platform';
import { refusalOf, type TenantDirectory, type TenantEntry } from '#tenancy';

export class UnservedSchemas {
  private readonly projectIds = new Set<string>();

  /** Looks at every project of the directory, and from now on at each that changes. */
  constructor(
    directory: Pick<TenantDirectory, 'entries' | 'onChange'>,
    private readonly logger: Logger,
  ) {
    for (const entry of directory.entries()) this.look(entry.projectId, entry);
    directory.onChange((before, after) => {
      const projectId = (after ?? before)?.projectId;
      if (projectId !== undefined) this.look(projectId, after);
    });
  }

  /** How many projects would be served if their schema were newer. */
  get size(): number {
    return this.projectIds.size;
  }

  private look(projectId: string, entry: TenantEntry | undefined): void {
    const isUnserved = entry?.schemaTooOld === true && refusalOf(entry, 'read') === undefined;
    if (isUnserved === this.projectIds.has(projectId)) return;
    const { schemaVersion } = entry ?? {};
    if (isUnserved) {
      this.projectIds.add(projectId);
      this.logger.error(
        { projectId, schemaVersion },
        'the schema of a project is too old for this release: it is answered 503 schema-too-old until a rollout has migrated it',
      );
    } else {
      this.projectIds.delete(projectId);
      this.logger.info({ projectId, schemaVersion }, 'a project is no longer refused for its schema');
    }
  }
}

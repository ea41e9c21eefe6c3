import { createHash } from 'node:crypto';
import { type FleetTarget, olderThanFleet } from '#control-database';
import { tenantMigrations } from '#migrations/tenant';
import { DomainError, type Logger } from '#platform';
import { type SchemaStep, schemaSteps } from '#tenant-schema';

/**
 * Which schema new tenant databases get: the fleet's target, which is that of this release or, while a rollout is still to
 * be started, an earlier one. A later release may raise it while this process runs; from then on this one makes no
 * databases, because it could make older ones only, and says so once in its log and at each look at whether it is ready.
 */
export class FleetSchema {
  private outdated = false;

  private constructor(
    private readonly fleet: FleetTarget,
    /** The steps of this release, oldest first. */
    readonly steps: readonly SchemaStep[],
    private readonly logger: Logger,
  ) {}

  /** Throws when the fleet has a target that this release does not know. */
  static async open(fleet: FleetTarget, logger: Logger): Promise<FleetSchema> {
    const steps = await schemaSteps(tenantMigrations);
    await fleet.ensure(steps.length);
    return new FleetSchema(fleet, steps, logger);
  }

  /** Whether the target was beyond this release when it was last looked at. */
  get isOutdated(): boolean {
    return this.outdated;
  }

  /** The target; undefined when this release does not know it. */
  async findTarget(): Promise<number | undefined> {
    const target = await this.fleet.get();
    const outdated = target > this.steps.length;
    if (outdated && !this.outdated) this.logger.error({ target }, olderThanFleet(target, this.steps.length));
    this.outdated = outdated;
    return outdated ? undefined : target;
  }

  /** The target; `release-too-old` (unavailable: another worker may know it) when this release does not. */
  async target(): Promise<number> {
    const target = await this.findTarget();
    if (target !== undefined) return target;
    throw new DomainError(
      'unavailable',
      'release-too-old',
      'This worker is of an older release than the fleet: a newer worker is needed.',
    );
  }

  /**
   * The name of the template of this schema. It has the content of the steps in it, so that two releases have the same
   * template of a schema only when they mean the same by it.
   */
  templateName(version: number): string {
    const checksums = this.steps.slice(0, version).map(({ checksum }) => checksum);
    const content = createHash('sha256').update(checksums.join()).digest('hex').slice(0, 10);
    return `${templatePrefix}${version}_${content}`;
  }
}

/** With what the name of every template begins. */
export const templatePrefix = 'boxyard_template_';

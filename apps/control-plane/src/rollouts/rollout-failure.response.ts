import { ApiProperty } from '@nestjs/swagger';
import type { FailureGroup } from '#control-database';
import type { SchemaFailure, SchemaStep } from '#tenant-schema';

class FailedStatementResponse {
  @ApiProperty({ description: 'Its place in the migration, from 1.', example: 2 }) number: number;
  @ApiProperty({ example: 'ALTER TABLE slot ADD CHECK (capacity > 0)' }) text: string;
}

/** Why a project was not migrated. */
export class ProjectErrorResponse {
  @ApiProperty({ nullable: true, type: String, description: 'The migration that had begun.', example: 'AddSlot43' })
  step: string | null;
  @ApiProperty({ nullable: true, type: FailedStatementResponse }) statement: FailedStatementResponse | null;
  @ApiProperty({ description: 'A SQLSTATE, or a word of ours.', example: '23514' }) code: string;
  @ApiProperty({ example: 'check constraint "capacity" of relation "slot" is violated by some row' }) message: string;
  @ApiProperty({ nullable: true, type: Number, description: 'The character of the statement, from 1.', example: null })
  position: number | null;
  @ApiProperty({ description: 'Whether it may pass by itself; then it was tried several times.', example: false })
  transient: boolean;
  @ApiProperty({
    nullable: true,
    type: Boolean,
    description: 'Whether the migration has left nothing; null for one that this release does not know.',
    example: true,
  })
  rolledBack: boolean | null;
}

class FailedProjectResponse {
  @ApiProperty({ format: 'uuid', example: '01a1fc68-4f3b-7707-ba7e-dcab7dda5d37' }) project: string;
  @ApiProperty({ example: 'quay-clinic' }) slug: string;
  @ApiProperty({ example: 1 }) attempts: number;
}

export class FailureResponse {
  @ApiProperty({ nullable: true, type: String, description: 'What failures of one kind share.', example: '9f2c41aa' })
  fingerprint: string | null;
  @ApiProperty({ example: 12 }) projects: number;
  @ApiProperty({ nullable: true, type: ProjectErrorResponse }) error: ProjectErrorResponse | null;
  @ApiProperty({ type: [FailedProjectResponse], description: 'The five that failed last.' })
  examples: readonly FailedProjectResponse[];
}

/** A recorded failure in the words of this API. */
export function toProjectError(
  recorded: Readonly<Record<string, unknown>> | null,
  steps: readonly SchemaStep[],
): ProjectErrorResponse | null {
  if (recorded === null) return null;
  const failure = recorded as unknown as SchemaFailure;
  return {
    step: failure.migration ?? null,
    statement: failure.statement ?? null,
    code: failure.code,
    message: failure.message,
    position: failure.position ?? null,
    transient: failure.isTransient,
    rolledBack: hasLeftNothing(failure, steps),
  };
}

export function toFailureResponse(group: FailureGroup, steps: readonly SchemaStep[]): FailureResponse {
  const { fingerprint, projects, error, examples } = group;
  return { fingerprint, projects, error: toProjectError(error, steps), examples };
}

/** A migration outside a transaction may have done half; it is safe to run again. */
function hasLeftNothing({ migration }: SchemaFailure, steps: readonly SchemaStep[]): boolean | null {
  if (migration === undefined) return true;
  return steps.find(({ name }) => name === migration)?.transactional ?? null;
}

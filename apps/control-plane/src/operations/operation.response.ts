import { ApiProperty } from '@nestjs/swagger';
import type { Operation, OperationStep } from '#control-database';

const states = ['queued', 'running', 'succeeded', 'failed', 'cancelled'] as const;

export class OperationStepResponse {
  @ApiProperty({ example: 'place' }) name: string;
  @ApiProperty({ enum: ['pending', 'running', 'done', 'failed'], example: 'done' }) state: string;
  @ApiProperty({ nullable: true, type: Number, description: 'How long it took, in milliseconds.', example: 12 })
  ms: number | null;
}

export class OperationErrorResponse {
  @ApiProperty({ example: 'database-unreachable' }) code: string;
  @ApiProperty({ example: 'The cluster default does not answer.' }) message: string;
  @ApiProperty({ nullable: true, type: String, example: 'place' }) step: string | null;
  @ApiProperty({ example: true }) retryable: boolean;
}

export class OperationResponse {
  @ApiProperty({ example: 'op_01m7y6gksvqh7cs3hjj1j2ssts' }) id: string;
  @ApiProperty({ example: 'project.create' }) kind: string;
  @ApiProperty({ nullable: true, type: String, example: '01a1fc68-4f3b-7707-ba7e-dcab7dda5d37' }) project:
    string | null;
  @ApiProperty({ enum: states, example: 'running' }) state: (typeof states)[number];
  @ApiProperty({ example: 1 }) attempt: number;
  @ApiProperty({ type: [OperationStepResponse] }) steps: OperationStepResponse[];
  @ApiProperty({ nullable: true, type: OperationErrorResponse, example: null }) error: OperationErrorResponse | null;
  @ApiProperty({ example: 'operator:0199a0c4-5e7d-7cc3-98c4-0f2ad6d0b1aa' }) createdBy: string;
  @ApiProperty({ format: 'date-time', example: '2026-11-21T09:00:00.000Z' }) createdAt: string;
  @ApiProperty({ format: 'date-time', nullable: true, type: String, example: '2026-11-21T09:00:00.020Z' })
  startedAt: string | null;
  @ApiProperty({ format: 'date-time', nullable: true, type: String, example: null }) finishedAt: string | null;
}

/** What a caller may see of an operation. Its parameters are not part of it: they hold hashes of secrets. */
export function toOperationResponse(operation: Operation, steps: readonly OperationStep[]): OperationResponse {
  const { id, kind, projectId, state, attempt, error, createdBy, createdAt, startedAt, finishedAt } = operation;
  return {
    id,
    kind,
    project: projectId,
    state,
    attempt,
    steps: steps.map((step) => ({ name: step.name, state: step.state, ms: durationMs(step) })),
    error:
      error === null
        ? null
        : {
            code: error.code,
            message: error.message,
            step: error.step ?? null,
            retryable: error.retryable ?? false,
          },
    createdBy,
    createdAt: createdAt.toISOString(),
    startedAt: startedAt?.toISOString() ?? null,
    finishedAt: finishedAt?.toISOString() ?? null,
  };
}

/** Whether the operation will never change again. */
export function isFinished({ state }: Pick<Operation, 'state'>): boolean {
  return state === 'succeeded' || state === 'failed' || state === 'cancelled';
}

function durationMs({ startedAt, finishedAt }: OperationStep): number | null {
  return startedAt === null || finishedAt === null ? null : finishedAt.getTime() - startedAt.getTime();
}

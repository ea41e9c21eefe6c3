import { ApiProperty } from '@nestjs/swagger';
import type { StateCounts } from './progress-figures.js';
import { RolloutPlanResponse, WaveSelectorResponse } from './rollout-plan.response.js';
import { CountsResponse } from './rollout.response.js';

class PendingProjectResponse {
  @ApiProperty({ format: 'uuid', example: '01a1fc68-4f3b-7707-ba7e-dcab7dda5d37' }) project: string;
  @ApiProperty({ example: 'quay-clinic' }) slug: string;
  @ApiProperty({ nullable: true, type: Number, description: 'The schema that it has now.', example: 42 })
  fromVersion: number | null;
  @ApiProperty({
    nullable: true,
    enum: ['window', 'operation'],
    description: 'Why it would have to wait.',
    example: null,
  })
  waitsFor: 'window' | 'operation' | null;
  @ApiProperty({ format: 'date-time', nullable: true, type: String, example: null }) dueAt: string | null;
}

class SkippedProjectResponse {
  @ApiProperty({ format: 'uuid', example: '01a1fc68-4f3b-7707-ba7e-dcab7dda5d37' }) project: string;
  @ApiProperty({ example: 'quay-clinic' }) slug: string;
  @ApiProperty({ example: 'Pinned to schema 42: under audit' }) reason: string;
}

class ForecastWaveResponse {
  @ApiProperty({ example: 0 }) position: number;
  @ApiProperty({ nullable: true, type: WaveSelectorResponse, example: { label: 'ring:canary' } })
  selector: WaveSelectorResponse | null;
  @ApiProperty({ type: CountsResponse }) counts: StateCounts;
  @ApiProperty({
    description: 'Of the pending ones: thought to have the schema, and only looked into. None without `verify`.',
    example: 0,
  })
  verifies: number;
  @ApiProperty({
    description: 'Of the pending ones: outside their maintenance window, or an operation works on them.',
    example: 0,
  })
  waits: number;
  @ApiProperty({
    type: [PendingProjectResponse],
    description: 'The first 20 that would be migrated, and then of those that would be looked into.',
  })
  projects: PendingProjectResponse[];
}

class LockResponse {
  @ApiProperty({ example: 'ALTER TABLE ADD COLUMN' }) statement: string;
  @ApiProperty({ nullable: true, type: String, example: 'slot' }) object: string | null;
  @ApiProperty({ nullable: true, type: String, example: 'ACCESS EXCLUSIVE' }) lock: string | null;
  @ApiProperty({ description: 'What of the traffic waits meanwhile.', example: 'reads and writes' }) blocks: string;
  @ApiProperty({ description: 'Whether the whole table is read under the lock.', example: false }) scans: boolean;
  @ApiProperty({ description: 'Whether it is written anew under the lock.', example: false }) rewrites: boolean;
  @ApiProperty({
    nullable: true,
    type: String,
    description: 'What makes it unfit for a database in use.',
    example: null,
  })
  hazard: string | null;
  @ApiProperty({ example: '' }) note: string;
  @ApiProperty({ example: 'https://www.postgresql.org/docs/18/sql-altertable.html' }) page: string;
}

class ForecastStatementResponse {
  @ApiProperty({ example: 1 }) number: number;
  @ApiProperty({ example: 'ALTER TABLE slot ADD COLUMN capacity integer' }) text: string;
  @ApiProperty({ nullable: true, type: [LockResponse], description: 'Null when the text cannot be read as SQL.' })
  locks: readonly LockResponse[] | null;
}

class PendingMigrationResponse {
  @ApiProperty({ description: 'The schema after it.', example: 43 }) version: number;
  @ApiProperty({ example: 'AddSlotCapacity1795300000000' }) name: string;
  @ApiProperty({ enum: ['expand', 'contract'], example: 'expand' }) phase: 'expand' | 'contract';
  @ApiProperty({ description: 'Whether its statements are one transaction.', example: true }) transactional: boolean;
  @ApiProperty({ example: 60000 }) statementTimeoutMs: number;
  @ApiProperty({ description: 'Whether data is filled in afterwards.', example: false }) backfill: boolean;
  @ApiProperty({ description: 'Databases in which it would run, as far as is known.', example: 137 })
  databases: number;
  @ApiProperty({ type: [ForecastStatementResponse] }) statements: ForecastStatementResponse[];
  @ApiProperty({
    nullable: true,
    type: String,
    description: 'Why there is no forecast of its locks: what the grammar says.',
    example: null,
  })
  problem: string | null;
}

export class RolloutForecastResponse {
  @ApiProperty({ enum: [true], example: true }) dryRun: true;
  @ApiProperty({ example: 43 }) target: number;
  @ApiProperty({ type: RolloutPlanResponse }) plan: RolloutPlanResponse;
  @ApiProperty({ type: [String], description: 'Of waves in which nothing would be migrated.', example: [] })
  notes: readonly string[];
  @ApiProperty({ type: CountsResponse, description: '`done`: they have the schema already.' }) counts: StateCounts;
  @ApiProperty({ type: [ForecastWaveResponse] }) waves: ForecastWaveResponse[];
  @ApiProperty({ type: [SkippedProjectResponse], description: 'The first 100 that would be left out, and why.' })
  skipped: SkippedProjectResponse[];
  @ApiProperty({ type: [PendingMigrationResponse], description: 'Oldest first.' })
  migrations: PendingMigrationResponse[];
}

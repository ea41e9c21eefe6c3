import { ApiProperty } from '@nestjs/swagger';
import { ValidateIf } from 'class-validator';
import { AreProjectNames } from '../rollouts/dto/wave-selector.dto.js';

class SchemaCountResponse {
  @ApiProperty({ example: 42 }) version: number;
  @ApiProperty({ nullable: true, type: String, description: 'The migration that made it.', example: 'AddSlot43' })
  name: string | null;
  @ApiProperty({ description: 'Projects whose database has it.', example: 137 }) projects: number;
  @ApiProperty({ description: 'Spare databases that have it.', example: 5 }) spares: number;
}

export class FleetVersionsResponse {
  @ApiProperty({
    nullable: true,
    type: Number,
    description:
      'The schema with which databases are born; rollouts raise it. Null before the first worker has started.',
    example: 43,
  })
  target: number | null;
  @ApiProperty({ description: 'The newest schema that this release knows.', example: 43 }) newest: number;
  @ApiProperty({ description: 'Projects below the target.', example: 3 }) behind: number;
  @ApiProperty({ type: [SchemaCountResponse], description: 'The lowest first.' }) versions: SchemaCountResponse[];
}

export class CheckDriftDto {
  @ApiProperty({
    required: false,
    type: [String],
    description: 'Ids or slugs; without them every project.',
    example: ['quay-clinic'],
  })
  @ValidateIf((_, value) => value !== undefined)
  @AreProjectNames()
  projects?: string[];
}

export class DriftRequestedResponse {
  @ApiProperty({ description: 'Databases that a worker will look into.', example: 140 }) projects: number;
}

class DriftCountsResponse {
  @ApiProperty({ description: 'Not looked into yet.', example: 0 }) pending: number;
  @ApiProperty({ description: 'As expected.', example: 138 }) same: number;
  @ApiProperty({ description: 'Not as expected.', example: 1 }) drifted: number;
  @ApiProperty({ description: 'Could not be looked into.', example: 1 }) failed: number;
}

class DriftedProjectResponse {
  @ApiProperty({ format: 'uuid', example: '01a1fc68-4f3b-7707-ba7e-dcab7dda5d37' }) project: string;
  @ApiProperty({ example: 'quay-clinic' }) slug: string;
  @ApiProperty({ format: 'date-time', example: '2026-11-21T09:00:00.000Z' }) checkedAt: string;
  @ApiProperty({ nullable: true, type: Number, description: 'As the database itself says.', example: 43 })
  schemaVersion: number | null;
  @ApiProperty({
    nullable: true,
    type: String,
    description: "SHA-256 of the catalog's description.",
    example: '9f2c41aa',
  })
  fingerprint: string | null;
  @ApiProperty({
    type: [String],
    description: 'Lines that are missing (`-`) and that nobody expects (`+`).',
    example: ['- index slot_start ON slot USING btree (start)'],
  })
  differences: readonly string[];
  @ApiProperty({ nullable: true, type: String, description: 'Why nobody could look.', example: null })
  error: string | null;
}

export class FleetDriftResponse {
  @ApiProperty({
    format: 'date-time',
    nullable: true,
    type: String,
    description: 'When a check was asked for last.',
    example: '2026-11-21T09:07:00.000Z',
  })
  requestedAt: string | null;
  @ApiProperty({
    format: 'date-time',
    nullable: true,
    type: String,
    description: 'When a database was checked last.',
    example: '2026-11-21T09:07:00.000Z',
  })
  checkedAt: string | null;
  @ApiProperty({ type: DriftCountsResponse }) counts: DriftCountsResponse;
  @ApiProperty({ type: [DriftedProjectResponse] }) items: DriftedProjectResponse[];
  @ApiProperty({ nullable: true, type: String, description: 'The cursor of the next page.', example: null })
  next: string | null;
}

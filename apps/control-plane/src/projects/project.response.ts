import { ApiProperty } from '@nestjs/swagger';
import {
  projectBaseUrls,
  schemaPinOf,
  type MaintenanceMode,
  type MaintenanceWindow,
  type PlacedProject,
  type ProjectState,
} from '#control-database';
import type { Config } from '#platform';
import { MaintenanceWindowDto } from './dto/rollout-terms.dto.js';

export const projectStates = [
  'provisioning',
  'failed',
  'active',
  'suspended',
  'stopped',
  'maintenance',
  'archived',
  'deleting',
  'deleted',
] as const satisfies readonly ProjectState[];

class SchemaPinResponse {
  @ApiProperty({ example: 42 }) version: number;
  @ApiProperty({ format: 'date-time', nullable: true, type: String, example: '2030-01-01T00:00:00.000Z' })
  until: string | null;
  @ApiProperty({ example: 'under audit until the end of the year' }) reason: string;
}

export class ProjectResponse {
  @ApiProperty({ format: 'uuid', example: '01a1fc68-4f3b-7707-ba7e-dcab7dda5d37' }) id: string;
  @ApiProperty({ example: 'quay-clinic' }) slug: string;
  @ApiProperty({ example: 'Quay Clinic' }) name: string;
  @ApiProperty({ enum: projectStates, example: 'active' }) state: ProjectState;
  @ApiProperty({ nullable: true, type: String, description: 'Why the project is in its state.', example: null })
  reason: string | null;
  @ApiProperty({
    enum: ['read-only', 'offline'],
    nullable: true,
    description: 'What a project in state `maintenance` still answers.',
    example: null,
  })
  maintenanceMode: MaintenanceMode | null;
  @ApiProperty({ example: '4.0.1' }) fhirVersion: string;
  @ApiProperty({ nullable: true, type: Number, description: 'The schema of its tenant database.', example: 42 })
  schemaVersion: number | null;
  @ApiProperty({
    nullable: true,
    type: SchemaPinResponse,
    description: 'Rollouts beyond this schema leave the project out.',
    example: null,
  })
  schemaPin: SchemaPinResponse | null;
  @ApiProperty({
    nullable: true,
    type: MaintenanceWindowDto,
    description: 'When rollouts may work on it, in UTC; null means at any time.',
    example: null,
  })
  maintenanceWindow: MaintenanceWindow | null;
  @ApiProperty({ nullable: true, type: String, example: 'cl_01m7y6gksvqh7cs3hjj1j2ssts' }) clusterId: string | null;
  @ApiProperty({ type: 'object', additionalProperties: { type: 'string' }, example: { tier: 'gold' } })
  labels: Record<string, string>;
  @ApiProperty({
    type: [String],
    description: 'The canonical one first.',
    example: ['http://quay-clinic.localhost:4100/', 'http://127.0.0.1:4100/p/quay-clinic/'],
  })
  baseUrls: string[];
  @ApiProperty({ format: 'date-time', example: '2026-11-21T09:00:00.000Z' }) createdAt: string;
  @ApiProperty({
    format: 'date-time',
    nullable: true,
    type: String,
    description: 'When a deleted project is destroyed.',
    example: null,
  })
  purgeAfter: string | null;
  @ApiProperty({ description: 'Grows with every change; the ETag shows it too.', example: 2 }) revision: number;
}

/** What a caller may see of a project: the one place where a row becomes an answer. */
export function toProjectResponse(project: PlacedProject, config: Config): ProjectResponse {
  const {
    id,
    slug,
    name,
    state,
    reason,
    maintenanceMode,
    fhirVersion,
    schemaVersion,
    clusterId,
    labels,
    createdAt,
    purgeAfter,
    revision,
  } = project;
  return {
    id,
    slug,
    name,
    state,
    reason,
    maintenanceMode: state === 'maintenance' ? (maintenanceMode ?? 'offline') : null,
    fhirVersion,
    schemaVersion,
    schemaPin: toPinResponse(project),
    maintenanceWindow: project.maintenanceWindow,
    clusterId,
    labels,
    baseUrls: state === 'deleted' ? [] : projectBaseUrls(config, slug),
    createdAt: createdAt.toISOString(),
    purgeAfter: purgeAfter?.toISOString() ?? null,
    revision,
  };
}

function toPinResponse(project: PlacedProject): SchemaPinResponse | null {
  const pin = schemaPinOf(project);
  return pin === null ? null : { ...pin, until: pin.until?.toISOString() ?? null };
}

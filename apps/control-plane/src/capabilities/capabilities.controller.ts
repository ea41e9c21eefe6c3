import { Controller, Get, Inject } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiProperty, ApiTags } from '@nestjs/swagger';
import type { Config } from '#platform';
import { CONFIG } from '../environment/environment.module.js';
import { ApiProblems } from '../openapi/problem-responses.js';
import { supportedFhirVersions } from '../projects/fhir-versions.js';

class FhirVersionResponse {
  @ApiProperty({ example: '4.0.1' }) id: string;
  @ApiProperty({ example: 'R4' }) label: string;
}

class LimitsResponse {
  @ApiProperty({ example: 200 }) listLimit: number;
  @ApiProperty({ example: 60 }) waitSeconds: number;
  @ApiProperty({ example: 24 }) idempotencyHours: number;
}

class CapabilitiesResponse {
  @ApiProperty({ type: [FhirVersionResponse], description: 'In which projects can be made.' })
  fhirVersions: readonly FhirVersionResponse[];
  @ApiProperty({ description: 'Base URLs are <slug>.<baseDomain>.', example: 'localhost' }) baseDomain: string;
  @ApiProperty({ description: 'Whether projects also answer under /p/<slug>/.', example: true }) pathRouting: boolean;
  @ApiProperty({ type: LimitsResponse }) limits: LimitsResponse;
}

@ApiTags('capabilities')
@ApiBearerAuth()
@Controller('capabilities')
export class CapabilitiesController {
  constructor(@Inject(CONFIG) private readonly config: Config) {}

  @Get()
  @ApiOperation({ summary: 'Tell what this installation can do' })
  @ApiOkResponse({ type: CapabilitiesResponse })
  @ApiProblems(401)
  get(): CapabilitiesResponse {
    const { baseDomain, pathRouting } = this.config;
    return {
      fhirVersions: supportedFhirVersions,
      baseDomain,
      pathRouting,
      limits: { listLimit: 200, waitSeconds: 60, idempotencyHours: 24 },
    };
  }
}

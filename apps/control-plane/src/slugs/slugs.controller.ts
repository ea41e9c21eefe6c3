import { Controller, Get, Inject, Param } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiProperty, ApiTags } from '@nestjs/swagger';
import { ProjectRepository, RateWindowRepository } from '#control-database';
import { DomainError, type Clock } from '#platform';
import { CurrentCaller, operatorName, type Caller } from '../auth/caller.js';
import { CLOCK } from '../environment/environment.module.js';
import { ApiProblems } from '../openapi/problem-responses.js';
import { slugProblem } from '../projects/slug-rules.js';

class SlugResponse {
  @ApiProperty({ example: true }) available: boolean;
  @ApiProperty({ required: false, description: 'Why it can never be taken.', example: 'is a reserved word' })
  reason?: string;
}

/** Enough for a person who tries names, too little to go through a dictionary. */
const callsPerMinute = 30;

@ApiTags('slugs')
@ApiBearerAuth()
@Controller('slugs')
export class SlugsController {
  constructor(
    private readonly projects: ProjectRepository,
    private readonly rateWindows: RateWindowRepository,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  @Get(':slug')
  @ApiOperation({ summary: 'Tell whether a project could have this slug; 30 calls a minute' })
  @ApiOkResponse({ type: SlugResponse })
  @ApiProblems(401, 429)
  async check(@Param('slug') slug: string, @CurrentCaller() caller: Caller): Promise<SlugResponse> {
    const retryAfterSeconds = await this.rateWindows.take(
      `slugs:${operatorName(caller)}`,
      callsPerMinute,
      this.clock.now(),
    );
    if (retryAfterSeconds > 0) {
      throw new DomainError(
        'too-many-requests',
        'too-many-requests',
        `At most ${callsPerMinute} slugs can be looked up in a minute. Wait ${retryAfterSeconds} s and try again.`,
        { retryAfterSeconds },
      );
    }
    const reason = slugProblem(slug);
    return reason === undefined ? { available: await this.projects.isSlugFree(slug) } : { available: false, reason };
  }
}

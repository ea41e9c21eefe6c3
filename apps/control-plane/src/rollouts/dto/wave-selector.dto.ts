import { ApiProperty } from '@nestjs/swagger';
import { buildMessage, IsNumber, Matches, Max, Min, ValidateBy, ValidateIf } from 'class-validator';
import { parseLabelFilter } from '../../projects/label-rules.js';
import { FieldRuleOf, IsPlainText } from '../../requests/field-rules.js';

const selectors = ['label', 'percent', 'cluster', 'region', 'projects'] as const;
const mostNames = 1_000;

/** Looks at the whole selector: of its members exactly one says which projects the wave takes. */
const IsOnlySelector = () =>
  ValidateBy({
    name: 'onlySelector',
    validator: {
      validate: (_, args) => given(args?.object).length === 1,
      defaultMessage: buildMessage(() => `must be the only one: a wave has exactly one of ${selectors.join(', ')}`),
    },
  });

const IfGiven = () => ValidateIf((_, value) => value !== undefined);

/** Names of projects, their ids or slugs, each once. */
export const AreProjectNames = () =>
  FieldRuleOf('projectNames', (value) => {
    if (!Array.isArray(value) || value.length === 0) return 'must be a list of ids or slugs of projects';
    if (value.length > mostNames) return `must name at most ${mostNames} projects`;
    const isName = (name: unknown) => typeof name === 'string' && /^[A-Za-z0-9-]{1,64}$/.test(name);
    return value.every(isName) ? undefined : 'must be a list of ids or slugs of projects';
  });

export class WaveSelectorDto {
  // Checked even when it is left out, so that a wave without any selector is found.
  @ApiProperty({ required: false, description: 'Projects with this label.', example: 'ring:canary' })
  @ValidateIf((wave: WaveSelectorDto) => wave.label !== undefined || given(wave).length !== 1)
  @IsOnlySelector()
  @FieldRuleOf('label', (value) =>
    value === undefined || (typeof value === 'string' && parseLabelFilter([value]) !== undefined)
      ? undefined
      : 'must have the form key:value',
  )
  label?: string;

  @ApiProperty({
    required: false,
    description: 'So many of all projects, those of the waves before included.',
    example: 10,
  })
  @IfGiven()
  @IsNumber({ allowNaN: false, allowInfinity: false }, { message: 'must be a number' })
  @Min(0.01, { message: 'must be at least 0.01' })
  @Max(100, { message: 'must be at most 100' })
  percent?: number;

  @ApiProperty({ required: false, description: 'Projects on the cluster of this id or name.', example: 'default' })
  @IfGiven()
  @Matches(/^[A-Za-z0-9._-]{1,64}$/, { message: 'is not the id or the name of a cluster' })
  cluster?: string;

  @ApiProperty({ required: false, description: 'Projects on clusters of this region.', example: 'eu-west' })
  @IfGiven()
  @IsPlainText(100)
  region?: string;

  @ApiProperty({ required: false, type: [String], description: 'Ids or slugs.', example: ['quay-clinic'] })
  @IfGiven()
  @AreProjectNames()
  projects?: string[];
}

function given(wave: object | undefined): string[] {
  return selectors.filter((name) => (wave as Record<string, unknown> | undefined)?.[name] !== undefined);
}

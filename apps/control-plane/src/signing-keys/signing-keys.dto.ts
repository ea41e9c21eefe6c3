import { ApiProperty } from '@nestjs/swagger';
import { IsIn, IsInt, IsOptional, Max, Min } from 'class-validator';
import type { SigningKey, SigningKeyState } from '#control-database';
import { IsPlainText } from '../requests/field-rules.js';

const algorithms = ['ES256'] as const;

export class RotateSigningKeyDto {
  @ApiProperty({ required: false, enum: algorithms, default: 'ES256', example: 'ES256' })
  @IsOptional()
  @IsIn(algorithms, { message: `must be one of ${algorithms.join(', ')}` })
  alg?: (typeof algorithms)[number];

  @ApiProperty({
    required: false,
    minimum: 0,
    maximum: 720,
    default: 24,
    description: 'For how long tokens of the key before it stay good; 0 ends them now.',
    example: 24,
  })
  @IsOptional()
  @IsInt({ message: 'must be a whole number of hours' })
  @Min(0, { message: 'must be at least 0' })
  @Max(720, { message: 'must be at most 720' })
  overlapHours?: number;
}

export class RevokeSigningKeyDto {
  @ApiProperty({ example: 'leak' })
  @IsPlainText(200)
  reason: string;
}

export class SigningKeyResponse {
  @ApiProperty({ example: '01a1fc68-4f3b-7707-ba7e-dcab7dda5d37' }) kid: string;
  @ApiProperty({ enum: ['signing', 'verifying', 'ended', 'revoked'], example: 'signing' })
  state: SigningKeyState | 'ended';
  @ApiProperty({
    format: 'date-time',
    nullable: true,
    type: String,
    description: 'When tokens of a verifying key end.',
    example: null,
  })
  until: string | null;
  @ApiProperty({ nullable: true, type: String, description: 'Why it was revoked.', example: null }) reason:
    string | null;
  @ApiProperty({ format: 'date-time', example: '2026-11-21T09:00:00.000Z' }) createdAt: string;
}

export class RotatedSigningKeyResponse extends SigningKeyResponse {
  @ApiProperty({ type: SigningKeyResponse }) previous: SigningKeyResponse;
}

export class RevokedSigningKeyResponse extends SigningKeyResponse {
  @ApiProperty({ type: SigningKeyResponse, description: 'The key that signs now.' }) signing: SigningKeyResponse;
  @ApiProperty({ description: 'False when it was revoked before.', example: true }) changed: boolean;
}

export class SigningKeyListResponse {
  @ApiProperty({ type: [SigningKeyResponse] }) items: SigningKeyResponse[];
}

/** What a caller may see of a key: nothing that could sign. */
export function toSigningKeyResponse(key: SigningKey, now: Date): SigningKeyResponse {
  const { kid, state, verifyUntil, reason, createdAt } = key;
  const hasEnded = state === 'verifying' && verifyUntil !== null && verifyUntil <= now;
  return {
    kid,
    state: hasEnded ? 'ended' : state,
    until: verifyUntil?.toISOString() ?? null,
    reason,
    createdAt: createdAt.toISOString(),
  };
}

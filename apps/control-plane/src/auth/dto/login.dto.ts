import { ApiProperty } from '@nestjs/swagger';
import { IsString, MaxLength } from 'class-validator';

export class LoginDto {
  @ApiProperty({ example: 'admin@example.com' })
  @IsString({ message: 'must be a text' })
  @MaxLength(254, { message: 'must be at most 254 characters long' })
  email: string;

  @ApiProperty({ example: 'a-password-of-your-own' })
  @IsString({ message: 'must be a text' })
  @MaxLength(1024, { message: 'must be at most 1024 characters long' })
  password: string;
}

export class LoginResponse {
  @ApiProperty({ example: 'eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9.…' })
  accessToken: string;

  @ApiProperty({ example: 'Bearer' })
  tokenType: 'Bearer';

  @ApiProperty({ description: 'Seconds until the token ends.', example: 3600 })
  expiresIn: number;
}

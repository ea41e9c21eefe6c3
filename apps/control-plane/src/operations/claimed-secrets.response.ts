import { ApiProperty } from '@nestjs/swagger';

export class AdminClientResponse {
  @ApiProperty({
    description: 'A ClientApplication with project-admin rights.',
    example: '5b0e0f0e-4f6d-4c86-9f0e-6d1d1f5a7c11',
  })
  clientId: string;
  @ApiProperty({ description: 'Shown this once.', example: 'k2Jx…' }) clientSecret: string;
}

export class OwnerInvitationResponse {
  @ApiProperty({ example: 'ana@quay.example.org' }) email: string;
  @ApiProperty({
    description: 'The page on which the owner sets a first password. Good once and for a week. Shown this once.',
    example: 'http://quay-clinic.localhost:4100/setpassword/7c1f6a52-0d6e-4d0f-8f3e-2f1f9a0c5b11/Zt0a…',
  })
  link: string;
}

export class ClaimedSecretsResponse {
  @ApiProperty({ example: 'op_01m7y6gksvqh7cs3hjj1j2ssts' }) operation: string;
  @ApiProperty({ example: '01a1fc68-4f3b-7707-ba7e-dcab7dda5d37' }) project: string;
  @ApiProperty({ required: false, type: AdminClientResponse }) adminClient?: AdminClientResponse;
  @ApiProperty({ required: false, type: OwnerInvitationResponse }) ownerInvitation?: OwnerInvitationResponse;
}

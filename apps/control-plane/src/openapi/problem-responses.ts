import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiResponse } from '@nestjs/swagger';

class FieldProblemResponse {
  @ApiProperty({ example: 'slug' }) field: string;
  @ApiProperty({ example: 'must begin with a letter' }) message: string;
}

/** The body of every error: RFC 9457. */
export class ProblemResponse {
  @ApiProperty({ example: 'about:blank' }) type: string;
  @ApiProperty({ example: 'Bad Request' }) title: string;
  @ApiProperty({ example: 400 }) status: number;
  @ApiProperty({ description: 'Stable and machine-readable.', example: 'validation' }) code: string;
  @ApiProperty({ example: 'These fields cannot be accepted: slug.' }) detail: string;
  @ApiProperty({ example: '0b8f1c9e-8a53-4f43-9c0a-4a0d6f3f2f10' }) requestId: string;
  @ApiProperty({ required: false, description: 'Every field that cannot be accepted.', type: [FieldProblemResponse] })
  errors?: FieldProblemResponse[];
}

const meanings = {
  400: ['The request is malformed', 'validation', 'These fields cannot be accepted: slug.'],
  401: ['Credentials are missing or wrong', 'unauthenticated', 'The token or API key is not valid (any more).'],
  403: ['The role does not allow it', 'role-insufficient', 'The role auditor may only read.'],
  404: ['There is no such thing', 'project-not-found', 'There is no project quay-clinic.'],
  409: ['It conflicts with what exists', 'slug-taken', 'The slug "quay-clinic" is taken. Choose another one.'],
  410: ['It was there once', 'secrets-claimed', 'These secrets were claimed already, or their time is over.'],
  412: ['It has changed meanwhile', 'revision-mismatch', 'The project has changed meanwhile: it is at revision 10.'],
  422: ['It is understood but not supported', 'unsupported-fhir-version', 'FHIR version "5.0.0" is not supported.'],
  429: ['Too many requests', 'too-many-requests', 'At most 30 calls in a minute. Wait 12 s and try again.'],
} as const;

/** Documents the problem answers that a route can give. */
export function ApiProblems(...statuses: (keyof typeof meanings)[]) {
  return applyDecorators(
    ...statuses.map((status) => {
      const [description, code, detail] = meanings[status];
      const example = { type: 'about:blank', title: description, status, code, detail, requestId: 'c0ffee' };
      return ApiResponse({
        status,
        description,
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/ProblemResponse' }, example } },
      });
    }),
  );
}

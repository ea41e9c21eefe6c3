import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import { ProblemResponse } from './problem-responses.js';

/** The OpenAPI 3.1 description of every route under `/control/v1`, built from the controllers. */
export function buildApiDocument(app: INestApplication, publicUrl: string): OpenAPIObject {
  const description = [
    'Creates and runs projects: each has its own PostgreSQL database, role, keys and base URL.',
    'Errors are `application/problem+json` (RFC 9457). Slow calls answer 202 with an operation to poll or follow.',
    'Lists page by `cursor`. Every mutating call takes an `Idempotency-Key`.',
  ].join(' ');
  const config = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Boxyard control plane')
    .setDescription(description)
    .setVersion('1')
    .addServer(publicUrl)
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'An access token of `auth/login`, or an API key.' })
    .build();
  return SwaggerModule.createDocument(app, config, { extraModels: [ProblemResponse] });
}

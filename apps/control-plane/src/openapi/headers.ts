/** Request headers that several routes take, as OpenAPI describes them. */
export const idempotencyKeyHeader = {
  name: 'Idempotency-Key',
  required: false,
  description:
    'Makes the request happen once: sent again within 24 h with the same body, it gets the first answer, with `Idempotent-Replay: true` and without secrets.',
  schema: { type: 'string', maxLength: 128 },
} as const;

export const preferWaitHeader = {
  name: 'Prefer',
  required: false,
  description: '`wait=N`: wait up to N seconds (1 to 60) for the project to become active.',
  schema: { type: 'string' },
  example: 'wait=30',
} as const;

export const ifMatchHeader = {
  name: 'If-Match',
  required: false,
  description: 'The ETag of the revision that you have read; the change is refused when there is a newer one.',
  schema: { type: 'string' },
  example: 'W/"9"',
} as const;

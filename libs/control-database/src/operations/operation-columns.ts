/** The columns of `operation`, for statements that join it with other tables. */
export const operationColumns: readonly string[] = [
  'id',
  'kind',
  'project_id',
  'params',
  'state',
  'attempt',
  'error',
  'created_by',
  'created_at',
  'started_at',
  'finished_at',
  'lease_owner',
  'lease_expires_at',
  'fence',
  'next_attempt_at',
];

/** The columns of `operation_step`. */
export const stepColumns: readonly string[] = [
  'operation_id',
  'name',
  'position',
  'state',
  'started_at',
  'finished_at',
  'error',
];

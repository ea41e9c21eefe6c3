/** The columns of `project` that a Project has; `changed_xid` is for the directory alone. */
export const projectColumns: readonly string[] = [
  'id',
  'slug',
  'name',
  'fhir_version',
  'state',
  'reason',
  'labels',
  'revision',
  'data_key_id',
  'previous_state',
  'purge_after',
  'created_by',
  'created_at',
  'updated_at',
  'deleted_at',
];

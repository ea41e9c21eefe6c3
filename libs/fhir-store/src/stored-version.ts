/** One version of one resource, as it stands in the database. */
export interface StoredVersion {
  readonly type: string;
  readonly id: string;
  readonly versionId: string;
  /** Instant in UTC with milliseconds: `2026-11-21T04:10:12.345Z`. Equal to the one in `body`. */
  readonly lastUpdated: string;
  readonly deleted: boolean;
  /** The text to send, in the contract's normal form; empty for a deleted version. */
  readonly body: string;
  /** The members that `meta` has besides in extended mode, as JSON text without braces. */
  readonly extendedMeta: string;
  /** The same as it is stored, where a policy hides some of it: for the audit, and never shown. */
  readonly storedMeta?: string;
}

/** A resource's current version with the number of the row that holds it. */
export interface CurrentVersion extends StoredVersion {
  readonly rowId: string;
}

/** The columns that `storedVersion` reads, of the table or alias `from`. */
export const versionColumns = (from: string): string =>
  `${from}.version, ${instant(`${from}.last_updated`)} AS last_updated, ${from}.deleted, ${from}.body, ${from}.extended_meta`;

/** SQL for an instant as it stands in a body. */
export const instant = (expression: string): string =>
  `to_char((${expression}) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

export interface VersionRow {
  version: string;
  last_updated: string;
  deleted: boolean;
  body: string;
  extended_meta: string;
}

export function storedVersion(type: string, id: string, row: VersionRow): StoredVersion {
  return {
    type,
    id,
    versionId: row.version,
    lastUpdated: row.last_updated,
    deleted: row.deleted,
    body: row.body,
    extendedMeta: row.extended_meta,
  };
}

const idForm = /^[A-Za-z0-9\-.]{1,64}$/;
const versionForm = /^[1-9][0-9]{0,17}$/;

/** Whether `text` has the form of FHIR's data type id (https://hl7.org/fhir/R4/datatypes.html#id). */
export const isFhirId = (text: string): boolean => idForm.test(text);

/** Whether `text` can be a version id: a number of the project's sequence, which never needs 19 digits. */
export const isVersionId = (text: string): boolean => versionForm.test(text);

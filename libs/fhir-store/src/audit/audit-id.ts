import { forbidden } from '#fhir';

/** Which row of the audit, and which of its events: a row about several patients is shown as one event for each. */
export interface AuditKey {
  readonly writer: string;
  readonly id: string;
  /** Counted from 0. */
  readonly part: number;
}

const idForm = /^audit-([1-9][0-9]{0,17})-([1-9][0-9]{0,17})(?:-([1-9][0-9]{0,3}))?$/;

/** The id under which the server's own AuditEvent is read. */
export const auditEventId = ({ writer, id, part }: AuditKey): string =>
  `audit-${writer}-${id}${part === 0 ? '' : `-${part}`}`;

/** What the id of a resource of `type` stands for in the audit; undefined when it is an ordinary resource's. */
export function auditKeyOf(type: string, id: string): AuditKey | undefined {
  const [, writer, row, part] = (type === 'AuditEvent' && idForm.exec(id)) || [];
  return writer === undefined || row === undefined ? undefined : { writer, id: row, part: Number(part ?? 0) };
}

/** Throws 403 when the identity is that of an event of the server's own audit, which nobody changes or makes. */
export function assertNotAudit(type: string, id: string): void {
  if (auditKeyOf(type, id) !== undefined) throw forbidden('The audit of the server cannot be changed');
}

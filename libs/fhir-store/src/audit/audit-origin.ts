import type { Caller } from '../caller.js';
import { textArray } from '../sql/array-literal.js';

/** Who does something, and under which rights, as the audit keeps it. */
export interface AuditOrigin {
  /** `Practitioner/…`, `ClientApplication/…`, or the system's own name. */
  readonly agent: string;
  /** `ProjectMembership/…`; undefined for the system and for those who have not logged in. */
  readonly membership?: string | undefined;
  /** Whom the agent acts for. */
  readonly onBehalfOf?: string | undefined;
  /** The policy's own words for itself, which name the AccessPolicies that it is made of. */
  readonly policy?: string;
  readonly requestId: string;
}

/** The origin of what `caller` does. */
export function auditOrigin(caller: Caller): AuditOrigin {
  const { agent, membership, onBehalfOf, policy, requestId } = caller;
  return { agent, membership, onBehalfOf, policy: policy.reason, requestId };
}

/** The columns of `audit_event` that tell the origin, without the request. */
export const originColumns = 'agent, membership, on_behalf_of, policy';

/** SQL for the values of those columns, from one parameter that `originArray` has made. */
export const originValues = (parameter: string): string =>
  [`(${parameter}::text[])[1]`, ...[2, 3, 4].map((place) => `nullif((${parameter}::text[])[${place}], '')`)].join(', ');

/** One parameter for `originValues`. */
export const originArray = ({ agent, membership, onBehalfOf, policy }: Caller): string =>
  textArray([agent, membership ?? '', onBehalfOf ?? '', policy.reason]);

import type { ProjectState } from '../projects/project.entity.js';
import { nextClosing, nextOpening } from './maintenance-window.js';
import type { MaintenanceWindow } from './rollout-plan.js';

/** How long to leave a project alone that an operation works on, before looking again, in ms. */
const operationPauseMs = 15_000;

/** What decides whether a rollout may work on a project now. */
export interface AdmissionFacts {
  readonly state: ProjectState;
  /** The schema of its tenant database as last heard of; null while it has none. */
  readonly schemaVersion: number | null;
  readonly schemaPin: number | null;
  readonly schemaPinUntil: Date | null;
  readonly schemaPinReason: string | null;
  readonly maintenanceWindow: MaintenanceWindow | null;
  /** Whether an operation on it (create, move, restore, …) has not ended. */
  readonly isBusy: boolean;
}

export type Admission = { readonly verdict: 'go' } | { readonly verdict: 'skip'; readonly reason: string } | Wait;

interface Wait {
  readonly verdict: 'wait';
  readonly for: 'window' | 'operation';
  readonly until: Date;
}

/**
 * Whether the project is migrated to `target` at the moment `now`. A pin below the target and a project without a database
 * are skipped for good; an unfinished operation is waited for, since it may put another database in its place; a maintenance
 * window is waited for. Neither a pin nor a window concerns a project that is thought to have the target's schema: there is
 * nothing to do but to look, and one that is found behind is asked about again.
 */
export function admit(project: AdmissionFacts, target: number, now: Date): Admission {
  const { state, schemaVersion, schemaPin, maintenanceWindow } = project;
  if (state === 'deleted' || state === 'archived') return { verdict: 'skip', reason: `The project is ${state}.` };
  const upToDate = schemaVersion !== null && schemaVersion >= target;
  if (!upToDate && schemaPin !== null && schemaPin < target && !hasEnded(project.schemaPinUntil, now)) {
    return { verdict: 'skip', reason: pinned(schemaPin, project.schemaPinUntil, project.schemaPinReason) };
  }
  if (project.isBusy) return busy(now);
  if (schemaVersion === null) return { verdict: 'skip', reason: 'The project has no tenant database.' };
  if (upToDate || maintenanceWindow === null) return { verdict: 'go' };
  return closed(maintenanceWindow, now) ?? { verdict: 'go' };
}

/**
 * Whether backfills of the project may run at the moment `now`, and until when: its maintenance window and the operations on
 * it are waited for as before its migration.
 */
export function admitBackfill(
  { isBusy, maintenanceWindow }: Pick<AdmissionFacts, 'isBusy' | 'maintenanceWindow'>,
  now: Date,
): { readonly verdict: 'go'; readonly until: Date | null } | Wait {
  if (isBusy) return busy(now);
  if (maintenanceWindow === null) return { verdict: 'go', until: null };
  return closed(maintenanceWindow, now) ?? { verdict: 'go', until: nextClosing(maintenanceWindow, now) };
}

function busy(now: Date): Wait {
  return { verdict: 'wait', for: 'operation', until: new Date(now.getTime() + operationPauseMs) };
}

function closed(window: MaintenanceWindow, now: Date): Wait | undefined {
  const opening = nextOpening(window, now);
  return opening > now ? { verdict: 'wait', for: 'window', until: opening } : undefined;
}

const hasEnded = (until: Date | null, now: Date): boolean => until !== null && until <= now;

function pinned(pin: number, until: Date | null, reason: string | null): string {
  const end = until === null ? '' : ` until ${until.toISOString()}`;
  return `Pinned to schema ${pin}${end}${reason === null ? '.' : `: ${reason}`}`;
}

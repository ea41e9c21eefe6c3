import type { Project, Transaction } from '#control-database';
import type { OperationKind, OperationParams } from '#operations';
import type { LifecycleServices } from './lifecycle-services.js';

/**
 * A lifecycle action is data: a list of named steps. The operation runner runs them in order and records each
 * before the next ends; what may happen to a step (run twice, die in the middle, be undone) is the same for all of them and
 * is written here once.
 */
export interface LifecycleAction<Kind extends OperationKind> {
  readonly kind: Kind;
  readonly steps: readonly Step<Kind>[];
  /** Runs in the transaction that ends the operation as failed, after every step has been undone. */
  readonly giveUp: (context: ActionContext<Kind>, transaction: Transaction) => Promise<void>;
  /**
   * What follows from the failure of the last attempt. `undo` takes everything back and ends the operation as failed;
   * `persist` leaves what is done and tries again for as long as it takes, because there is no way back.
   */
  readonly afterLastAttempt: 'undo' | 'persist';
}

export interface Step<Kind extends OperationKind> extends StepBehaviour<Kind> {
  readonly name: string;
}

/** At least one of `do` and `record`. */
export interface StepBehaviour<Kind extends OperationKind> {
  /**
   * Effects outside the control database. Looks before it acts: it may run twice, by two workers one after the other,
   * also when the first run ended in the middle, or when the next step has begun already.
   */
  readonly do?: (context: ActionContext<Kind>) => Promise<void>;
  /**
   * Changes of the control database. They are part of the transaction that records the step under the runner's fence,
   * so they happen once, and never by a worker that has lost its lease. Those of the last step are durable. Those of an
   * earlier one may be undone, together with the step, by a crash of the database server, and the step is then run
   * again; what must survive by itself is a transaction of its own in `do`.
   */
  readonly record?: (context: ActionContext<Kind>, transaction: Transaction) => Promise<void>;
  /** Takes back what `do` and `record` may have left, whether they ran, ran half or did not run. May run twice. */
  readonly undo?: (context: ActionContext<Kind>) => Promise<void>;
}

/** What a step gets: its operation's parameters, its project and the services. */
export interface ActionContext<Kind extends OperationKind> extends LifecycleServices {
  readonly operationId: string;
  /** The fencing number of this run; repositories refuse a change that names an older one. */
  readonly fence: string;
  readonly params: OperationParams[Kind];
  /** The project's row as it was when the run began. Throws in an operation that is about no project. */
  readonly project: Project;
  /** Something that steps of one run share, such as a connection: made at its first use, closed when the run ends. */
  readonly shared: SharedResources;
}

/** Resources of one run, by name. */
export interface SharedResources {
  get<Resource>(
    name: string,
    open: () => Promise<Resource>,
    close?: (resource: Resource) => Promise<void>,
  ): Promise<Resource>;
}

/** Declares an action. The names of its steps are kept in the operation's rows, so they stay as they are once released. */
export function lifecycleAction<Kind extends OperationKind>(
  kind: Kind,
  steps: readonly Step<Kind>[],
  ending: Pick<LifecycleAction<Kind>, 'giveUp' | 'afterLastAttempt'>,
): LifecycleAction<Kind> {
  const names = new Set(steps.map(({ name }) => name));
  if (names.size !== steps.length) throw new Error(`Two steps of ${kind} have the same name.`);
  return { kind, steps, ...ending };
}

export function step<Kind extends OperationKind>(name: string, behaviour: StepBehaviour<Kind>): Step<Kind> {
  return { name, ...behaviour };
}

import type { JobKind } from '#fhir-store';

/** A job that this process should carry out. */
export interface JobTicket {
  readonly projectId: string;
  readonly jobId: string;
  readonly kind: JobKind;
}

/** Jobs of one kind that a process works on at a time, of all projects; of one project it is one. */
const MAX_AT_WORK = 4;

/**
 * Which jobs this process works on, in the order in which they came: one of each kind for a project, and few of each kind
 * altogether. A job that is known already is not taken twice. One that pauses goes behind those that wait.
 */
export class JobQueue {
  private waiting: JobTicket[] = [];
  private readonly atWork = new Map<string, { readonly ticket: JobTicket; readonly done: Promise<void> }>();
  private closed = false;

  /**
   * `run` works on a job until it has ended or was given up, or for a while if `isAwaited` says that others wait for the
   * place, and never rejects.
   */
  constructor(private readonly run: (ticket: JobTicket, isAwaited: () => boolean) => Promise<'done' | 'paused'>) {}

  add(ticket: JobTicket): void {
    const key = keyOf(ticket);
    const isKnown = this.atWork.has(key) || this.waiting.some((other) => keyOf(other) === key);
    if (this.closed || isKnown) return;
    this.waiting.push(ticket);
    this.begin();
  }

  /** Takes no job any more, and forgets those that wait: they are in the database. */
  close(): void {
    this.closed = true;
    this.waiting = [];
  }

  /** Resolves when none is at work any more. */
  async idle(): Promise<void> {
    await Promise.all([...this.atWork.values()].map(({ done }) => done));
  }

  private begin(): void {
    for (const ticket of [...this.waiting]) {
      if (!this.hasRoomFor(ticket)) continue;
      this.waiting = this.waiting.filter((other) => other !== ticket);
      const isAwaited = (): boolean => this.waiting.some(({ kind }) => kind === ticket.kind);
      const done = this.run(ticket, isAwaited).then((course) => {
        this.atWork.delete(keyOf(ticket));
        if (course === 'paused') this.add(ticket);
        else this.begin();
      });
      this.atWork.set(keyOf(ticket), { ticket, done });
    }
  }

  private hasRoomFor({ projectId, kind }: JobTicket): boolean {
    const alike = [...this.atWork.values()].filter(({ ticket }) => ticket.kind === kind);
    return alike.length < MAX_AT_WORK && alike.every(({ ticket }) => ticket.projectId !== projectId);
  }
}

const keyOf = ({ projectId, jobId }: JobTicket): string => `${projectId}/${jobId}`;

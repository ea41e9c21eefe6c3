import type { Logger } from '#platform';

/** The process's logger as something that Nest can inject. */
export class DataPlaneLogger {
  constructor(readonly logger: Logger) {}
}

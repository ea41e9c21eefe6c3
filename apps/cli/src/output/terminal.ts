/** What the process gives a command to work with, so that nothing else is reached for. */
export interface Terminal {
  readonly env: NodeJS.ProcessEnv;
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  readonly now: () => Date;
  /** Aborts when the user wants the command to end. */
  readonly interrupted: AbortSignal;
}

/** Mail to the people of a project. How it is delivered is the port's affair. */

export interface MailMessage {
  readonly to: string;
  readonly subject: string;
  /** Plain text. May hold a link with a secret: it is never logged. */
  readonly text: string;
}

/** The port. One implementation serves all projects; what it keeps, it keeps by project. */
export abstract class Mail {
  /** Resolves when the message was handed over; rejects when it could not be. */
  abstract send(projectId: string, message: MailMessage): Promise<void>;

  /** Resolves when nothing is under way any more. Nothing is sent afterwards. */
  abstract close(): Promise<void>;
}

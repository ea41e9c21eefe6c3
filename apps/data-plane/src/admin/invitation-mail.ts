import type { MailMessage } from '../mail/mail.js';

interface InvitationMail {
  readonly to: string;
  readonly projectName: string;
  /** The project's base URL, with its slash. */
  readonly baseUrl: string;
  /** Where somebody without a password chooses one; good once. */
  readonly link?: string;
}

/** The mail that tells somebody that they are a member now, with the link to choose a password if they have none. */
export function invitationMail({ to, projectName, baseUrl, link }: InvitationMail): MailMessage {
  const lines =
    link === undefined
      ? [`You have been given access to ${projectName}.`, '', `Sign in with the password that you have: ${baseUrl}`]
      : [
          `You have been invited to ${projectName}.`,
          '',
          'Choose a password here, within a week:',
          link,
          '',
          'If you did not expect this message, you can ignore it.',
        ];
  // A name is data: a line break in it must not become a header or a line of the message.
  const subject = `Your access to ${projectName.replace(/\s+/g, ' ')}`;
  return { to, subject, text: lines.join('\n') };
}

/** Time-based one-time codes (https://www.rfc-editor.org/rfc/rfc6238) in the form that every authenticator app knows. */
import { Secret, TOTP } from 'otpauth';

/** What apps assume when a URI does not say otherwise, and some whatever it says. */
const FORM = { algorithm: 'SHA1', digits: 6, period: 30 } as const;
/** Codes of the steps before and after this one count too (RFC 6238 section 5.2): clocks differ. */
const WINDOW = 1;
const CODE_FORM = /^\d{6}$/;

/** The time step to which the code belongs; undefined when it is not the secret's code of about this time. */
export function stepOfCode(secret: Buffer, code: string, now: Date): number | undefined {
  const token = code.replace(/\s/g, '');
  if (!CODE_FORM.test(token)) return undefined;
  const totp = totpOf(secret);
  const timestamp = now.getTime();
  const delta = totp.validate({ token, timestamp, window: WINDOW });
  return delta === null ? undefined : totp.counter({ timestamp }) + delta;
}

/** Whose codes they are, as an authenticator app shows it. */
export interface FactorLabel {
  /** Where the person signs in. */
  readonly issuer: string;
  /** Who signs in there. */
  readonly account: string;
}

/** The `otpauth:` address by which an authenticator app takes over a secret. */
export function enrolmentUri(secret: Buffer, { issuer, account }: FactorLabel): string {
  return totpOf(secret, { issuer: plain(issuer), label: plain(account) }).toString();
}

/** The secret as people type it, where a picture cannot be read. */
export const typedSecret = (secret: Buffer): string => secretOf(secret).base32;

function totpOf(secret: Buffer, label: { readonly issuer?: string; readonly label?: string } = {}): TOTP {
  return new TOTP({ ...FORM, ...label, secret: secretOf(secret) });
}

const secretOf = (secret: Buffer): Secret => new Secret({ buffer: Uint8Array.from(secret).buffer });

/** A colon separates issuer and account, so neither may have one. */
const plain = (text: string): string => text.replace(/[\s:]+/g, ' ').trim();

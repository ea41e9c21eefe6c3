import { TOTP, URI } from 'otpauth';

/** What a person's app with one-time codes knows: the address that it was shown once. */
export class Authenticator {
  private readonly totp: TOTP;

  constructor(readonly uri: string) {
    const read = URI.parse(uri);
    if (!(read instanceof TOTP)) throw new Error(`${uri} is not about one-time codes`);
    this.totp = read;
  }

  /** The secret as it is. */
  get bytes(): Uint8Array {
    return this.totp.secret.bytes;
  }

  /** The code of this moment, or of as many steps of 30 seconds later. */
  code(stepsLater = 0): string {
    return this.totp.generate({ timestamp: Date.now() + stepsLater * 30_000 });
  }

  /** Codes that are no code of about this time. */
  wrongCodes(count: number): string[] {
    const right = new Set([-2, -1, 0, 1, 2].map((steps) => this.code(steps)));
    const codes = Array.from({ length: count + right.size }, (_, number) => String(100_000 + number));
    return codes.filter((code) => !right.has(code)).slice(0, count);
  }
}

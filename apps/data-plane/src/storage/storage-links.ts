import { createHmac, timingSafeEqual } from 'node:crypto';
import { deriveKey } from '#platform';

/** One version of one Binary, and who may have its content. */
export interface LinkedContent {
  readonly id: string;
  readonly versionId: string;
  /** Whom the address was given to (`Practitioner/…`): the audit names them when it is used. */
  readonly agent: string;
}

/** What an address says, if this project signed it. */
type ReadLink = LinkedContent & { readonly isExpired: boolean };

/**
 * An address that is given out twice within this time is the same both times, so that browsers know what they have.
 * It is good for between three and four times as long, which is at most an hour.
 */
const STEP_SECONDS = 15 * 60;
const LIFE_STEPS = 4;

/** What stands behind `signature=`: version, expiry in seconds since 1970, agent, MAC. No character needs escaping. */
const FORM = /^([1-9][0-9]{0,17})\.([0-9]{1,12})\.([A-Za-z0-9_-]{1,200})\.([A-Za-z0-9_-]{43})$/;

/**
 * Signed addresses of the contents of one project's Binaries: whoever has one can have that content until it expires, with
 * no other proof. It is about the version that its receiver was allowed to see and about no other.
 */
export class StorageLinks {
  private readonly key: Buffer;

  /** `fileKey` is the project's (`projectKeys`). */
  constructor(
    private readonly projectId: string,
    fileKey: Buffer,
  ) {
    this.key = deriveKey(fileKey, 'addresses of contents');
  }

  /** The address of a content, below the base URL of the project. */
  addressOf(content: LinkedContent, now: Date): string {
    const expires = (Math.floor(now.getTime() / 1000 / STEP_SECONDS) + LIFE_STEPS) * STEP_SECONDS;
    const agent = Buffer.from(content.agent).toString('base64url');
    const mac = this.mac(content, expires).toString('base64url');
    return `storage/Binary/${content.id}?signature=${content.versionId}.${expires}.${agent}.${mac}`;
  }

  /** What the `signature` in an address of the Binary `id` allows; undefined unless this project made it for that Binary. */
  read(id: string, signature: string, now: Date): ReadLink | undefined {
    const [, versionId, seconds, encodedAgent, mac] = FORM.exec(signature) ?? [];
    if (versionId === undefined || seconds === undefined || encodedAgent === undefined || mac === undefined) {
      return undefined;
    }
    const content = { id, versionId, agent: Buffer.from(encodedAgent, 'base64url').toString() };
    const expires = Number(seconds);
    if (!timingSafeEqual(this.mac(content, expires), Buffer.from(mac, 'base64url'))) return undefined;
    return { ...content, isExpired: now.getTime() >= expires * 1000 };
  }

  private mac({ id, versionId, agent }: LinkedContent, expires: number): Buffer {
    const said = JSON.stringify([this.projectId, `storage/Binary/${id}`, versionId, expires, agent]);
    return createHmac('sha256', this.key).update(said).digest();
  }
}

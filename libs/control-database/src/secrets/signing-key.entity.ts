import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { ProjectId } from '../ids.js';

/** `signing`: new tokens carry it; `verifying`: its tokens are still good; `revoked`: they are not. */
export type SigningKeyState = 'signing' | 'verifying' | 'revoked';

/** A key pair with which one project signs its tokens. */
@Entity('signing_key')
export class SigningKey {
  @PrimaryColumn({ type: 'text' }) kid: string;
  @Column({ type: 'uuid' }) projectId: ProjectId;
  @Column({ type: 'jsonb' }) publicJwk: Record<string, unknown>;
  /** Sealed with the project's data key. */
  @Column({ type: 'bytea' }) privateSealed: Buffer;
  @Column({ type: 'text' }) state: SigningKeyState;
  /** When the tokens of a verifying key are good no longer; null when nothing has been said. */
  @Column({ type: 'timestamptz', nullable: true }) verifyUntil: Date | null;
  /** Why it was revoked, in words of the operator. */
  @Column({ type: 'text', nullable: true }) reason: string | null;
  @Column({ type: 'timestamptz' }) createdAt: Date;
}

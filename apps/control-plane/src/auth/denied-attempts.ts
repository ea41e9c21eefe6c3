import { Inject, Injectable } from '@nestjs/common';
import { AuditRepository, RateWindowRepository } from '#control-database';
import { networkOf, type Clock } from '#platform';
import { CLOCK } from '../environment/environment.module.js';

export interface DeniedAttempt {
  actor: string;
  action: string;
  target: string;
  outcome: string;
  requestId: string;
  address: string;
}

/** Per address; the rest of a flood is left out, so that nobody can fill the log or hold its lock. */
const recordsPerMinute = 60;

/** Writes refused logins, credentials and rights into the audit log. */
@Injectable()
export class DeniedAttempts {
  constructor(
    private readonly audit: AuditRepository,
    private readonly rateWindows: RateWindowRepository,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  async record({ address, ...entry }: DeniedAttempt): Promise<void> {
    const subject = `denied:${networkOf(address)}`;
    if ((await this.rateWindows.take(subject, recordsPerMinute, this.clock.now())) > 0) return;
    await this.audit.append(entry);
  }
}

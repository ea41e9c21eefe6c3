/** `$set-accounts` that is answered later. Begun again after it was cut short, it does what is left. */
import type { JsonValue } from '#fhir';
import { accountsAnswer } from '../operations/accounts-answer.js';
import { asStarter, completed, type KindOfJob } from './job-work.js';

/** What is kept of such a request. */
export interface AccountsJobRequest {
  readonly type: string;
  readonly id: string;
  readonly accounts: JsonValue;
  readonly propagate: boolean;
  readonly extended: boolean;
}

export const accountsJob: KindOfJob = {
  repeats: true,
  needsSameRights: false,
  async run(work) {
    const { type, id, extended, ...options } = JSON.parse(work.request) as AccountsJobRequest;
    const updated = await asStarter(work, extended, (repository) => repository.setAccounts(type, id, options));
    work.audit.sealSoon(work.runtime.database);
    return work.answered(completed(accountsAnswer(updated)));
  },
};

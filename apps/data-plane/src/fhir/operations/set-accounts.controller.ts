import { Controller, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { badRequest } from '#fhir';
import { ReadAudit } from '#fhir-store';
import { sendText } from '../../http/send.js';
import { sessionOf } from '../../tenant/request-tenant.js';
import type { AccountsJobRequest } from '../jobs/accounts-job.js';
import { AsyncJobs } from '../jobs/async-jobs.js';
import { wantsExtendedMeta, wantsLaterAnswer } from '../request-headers.js';
import { runAsCaller } from '../run-as-caller.js';
import { CACHE_CONTROL } from '../version-answer.js';
import { accountsAnswer } from './accounts-answer.js';
import { assertOnly, oneFlag, operationInput, type OperationInput } from './operation-input.js';

/**
 * `$set-accounts`: the accounts of a resource are replaced by `accounts`, and with `propagate` the change of a Patient is
 * carried over to the resources of its compartment. For project admins. With `Prefer: respond-async` it is carried out later.
 */
@Controller('fhir')
export class SetAccountsController {
  constructor(
    private readonly audit: ReadAudit,
    private readonly jobs: AsyncJobs,
  ) {}

  @Post(':type/:id/$set-accounts')
  async setAccounts(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { type, id } = request.params as { type: string; id: string };
    const input = operationInput(request);
    assertOnly(input, ['accounts', 'propagate']);
    const options = { accounts: accountsOf(input), propagate: oneFlag(input, 'propagate') };
    if (wantsLaterAnswer(request.headers)) return this.setLater(request, reply, { type, id, ...options });
    const resourcesUpdated = await runAsCaller(request, (repository) => repository.setAccounts(type, id, options));
    this.audit.sealSoon(sessionOf(request).runtime.database);
    void reply.header('cache-control', CACHE_CONTROL);
    return sendText(request, reply, 200, accountsAnswer(resourcesUpdated));
  }

  private async setLater(
    request: FastifyRequest,
    reply: FastifyReply,
    asked: Omit<AccountsJobRequest, 'extended'>,
  ): Promise<void> {
    const { type, id } = asked;
    await runAsCaller(request, (repository) => repository.checkAccounts(type, id, asked));
    const accepted: AccountsJobRequest = { ...asked, extended: wantsExtendedMeta(request.headers) };
    return this.jobs.accept(request, reply, {
      kind: 'set-accounts',
      request: accepted,
      entity: `${type}/${id}/$set-accounts`,
    });
  }
}

/** Throws 400 for accounts that are no objects; what they must be is for the store to check. */
function accountsOf({ texts, objects }: OperationInput) {
  if (texts.some(([name]) => name === 'accounts')) throw badValue('accounts', 'takes references');
  return objects.filter(([name]) => name === 'accounts').map(([, value]) => value);
}

const badValue = (name: string, demand: string) =>
  badRequest(`The parameter '${name}' ${demand}.`, { code: 'value', expression: [name] });

import { Controller, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { badRequest } from '#fhir';
import { ReadAudit } from '#fhir-store';
import { sendText } from '../../http/send.js';
import { sessionOf } from '../../tenant/request-tenant.js';
import { runAsCaller } from '../run-as-caller.js';
import { CACHE_CONTROL } from '../version-answer.js';
import { assertOnly, oneFlag, operationInput, type OperationInput } from './operation-input.js';

/**
 * `$set-accounts`: the accounts of a resource are replaced by `accounts`, and with `propagate` the change of a Patient is
 * carried over to the resources of its compartment. For project admins. The answer comes when all is done, also to
 * `Prefer: respond-async`, a wish that a server may leave unfulfilled (RFC 7240 section 2): an answer 202 would have to lead
 * to where the work can be followed (https://hl7.org/fhir/R4/async.html), and there is nothing left to follow.
 */
@Controller('fhir')
export class SetAccountsController {
  constructor(private readonly audit: ReadAudit) {}

  @Post(':type/:id/$set-accounts')
  async setAccounts(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { type, id } = request.params as { type: string; id: string };
    const input = operationInput(request);
    assertOnly(input, ['accounts', 'propagate']);
    const options = { accounts: accountsOf(input), propagate: oneFlag(input, 'propagate') };
    const resourcesUpdated = await runAsCaller(request, (repository) => repository.setAccounts(type, id, options));
    this.audit.sealSoon(sessionOf(request).runtime.database);
    void reply.header('cache-control', CACHE_CONTROL);
    const parameter = [{ name: 'resourcesUpdated', valueInteger: resourcesUpdated }];
    return sendText(request, reply, 200, JSON.stringify({ resourceType: 'Parameters', parameter }));
  }
}

/** Throws 400 for accounts that are no objects; what they must be is for the store to check. */
function accountsOf({ texts, objects }: OperationInput) {
  if (texts.some(([name]) => name === 'accounts')) throw badValue('accounts', 'takes references');
  return objects.filter(([name]) => name === 'accounts').map(([, value]) => value);
}

const badValue = (name: string, demand: string) =>
  badRequest(`The parameter '${name}' ${demand}.`, { code: 'value', expression: [name] });

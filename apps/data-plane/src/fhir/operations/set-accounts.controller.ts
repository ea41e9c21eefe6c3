import { Controller, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { badRequest, operationOutcome } from '#fhir';
import { ReadAudit } from '#fhir-store';
import { sendText } from '../../http/send.js';
import { BaseUrls } from '../../tenant/base-urls.js';
import { sessionOf, tenantOf } from '../../tenant/request-tenant.js';
import { respondsAsync } from '../request-headers.js';
import { runAsCaller } from '../run-as-caller.js';
import { CACHE_CONTROL } from '../version-answer.js';
import { assertOnly, oneText, operationInput, type OperationInput } from './operation-input.js';

/**
 * `$set-accounts`: the accounts of a resource are replaced by `accounts`, and with `propagate` the change of a Patient is
 * carried over to the resources of its compartment. For project admins.
 */
@Controller('fhir')
export class SetAccountsController {
  constructor(
    private readonly baseUrls: BaseUrls,
    private readonly audit: ReadAudit,
  ) {}

  @Post(':type/:id/$set-accounts')
  async setAccounts(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { type, id } = request.params as { type: string; id: string };
    const input = operationInput(request);
    assertOnly(input, ['accounts', 'propagate']);
    const options = { accounts: accountsOf(input), propagate: propagateOf(input) };
    const resourcesUpdated = await runAsCaller(request, (repository) => repository.setAccounts(type, id, options));
    this.audit.sealSoon(sessionOf(request).runtime.database);
    void reply.header('cache-control', CACHE_CONTROL);
    if (!respondsAsync(request.headers)) {
      const parameter = [{ name: 'resourcesUpdated', valueInteger: resourcesUpdated }];
      return sendText(request, reply, 200, JSON.stringify({ resourceType: 'Parameters', parameter }));
    }
    // All has been done, so where the client is sent to see how far it has come is what has been changed.
    const fhirBase = this.baseUrls.fhirBaseOfRequest(request, tenantOf(request));
    void reply.header('content-location', `${fhirBase}${type}/${id}`);
    const text = `${resourcesUpdated} resources were updated`;
    const outcome = operationOutcome('accepted', [{ severity: 'information', code: 'informational', text }]);
    return sendText(request, reply, 202, JSON.stringify(outcome));
  }
}

/** Throws 400 for accounts that are no objects; what they must be is for the store to check. */
function accountsOf({ texts, objects }: OperationInput) {
  if (texts.some(([name]) => name === 'accounts')) throw badValue('accounts', 'takes references');
  return objects.filter(([name]) => name === 'accounts').map(([, value]) => value);
}

function propagateOf(input: OperationInput): boolean {
  const value = oneText(input, 'propagate') ?? 'false';
  if (value !== 'true' && value !== 'false') throw badValue('propagate', "takes 'true' or 'false'");
  return value === 'true';
}

const badValue = (name: string, demand: string) =>
  badRequest(`The parameter '${name}' ${demand}.`, { code: 'value', expression: [name] });

import { Controller, Get, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { badRequest, type Issue, type JsonObject, operationOutcome } from '#fhir';
import { ReadAudit } from '#fhir-store';
import { sendText } from '../../http/send.js';
import { sessionOf } from '../../tenant/request-tenant.js';
import { assertKnownType } from '../known-type.js';
import { readAsCaller, theOne } from '../read-audit.js';
import { runAsCaller } from '../run-as-caller.js';
import { assertOnly, oneText, operationInput, type OperationInput } from './operation-input.js';
import { type ValidationMode, validationModes, validationReport } from './validation-report.js';

interface Params {
  readonly type: string;
  readonly id?: string;
}

/** `$validate` (https://hl7.org/fhir/R4/resource-operation-validate.html). The answer is 200, valid or not. */
@Controller('fhir')
export class ValidateController {
  constructor(private readonly audit: ReadAudit) {}

  @Post(':type/$validate')
  validateAgainstType(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void | Promise<void> {
    return this.validate(request, reply, inputOf(request));
  }

  @Post(':type/:id/$validate')
  validateInPlace(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void | Promise<void> {
    return this.validate(request, reply, inputOf(request));
  }

  /** The stored resource itself. */
  @Get(':type/:id/$validate')
  validateStored(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void | Promise<void> {
    return this.validate(request, reply, inputOf(request));
  }

  private async validate(request: FastifyRequest, reply: FastifyReply, input: OperationInput): Promise<void> {
    const { type, id } = request.params as Params;
    const session = sessionOf(request);
    // What is sent along is validated without a statement that would find out that the caller has lost the rights.
    await session.refresh();
    const { database } = session.runtime;
    assertKnownType(request, type);
    assertOnly(input, ['resource', 'mode', 'profile', 'usageContext']);
    const mode = modeOf(input, id);
    // What is deleted is the stored resource, whatever it holds.
    if (mode === 'delete') {
      await this.stored(request, type, id ?? '');
      return sendText(request, reply, 200, JSON.stringify(operationOutcome('ok', [allOk])));
    }
    const given = input.body ?? input.objects.find(([name]) => name === 'resource')?.[1];
    if (given === undefined && id === undefined) {
      throw badRequest('There is no resource to validate.', { code: 'required', expression: ['resource'] });
    }
    const resource = given ?? (await this.stored(request, type, id ?? ''));
    const issues = validationReport(database, {
      resource,
      type,
      ...(id === undefined ? {} : { id }),
      ...(mode === undefined ? {} : { mode }),
    });
    const asked = input.texts.filter(([name]) => name === 'profile').map(([, value]) => value);
    // What profiles mean for a resource that is none of its type is not said anywhere.
    if (issues.length === 0) {
      issues.push(...(await runAsCaller(request, (repository) => repository.profileReport(resource, asked))));
    } else if (asked.length > 0) issues.push(notYet);
    const isValid = issues.every(({ severity }) => severity === 'information');
    const shown = issues.length > 0 ? issues : [allOk];
    return sendText(request, reply, 200, JSON.stringify(operationOutcome(isValid ? 'ok' : undefined, shown)));
  }

  private async stored(request: FastifyRequest, type: string, id: string): Promise<JsonObject> {
    const { body } = await readAsCaller(
      this.audit,
      request,
      `${type}/${id}`,
      (repository) => repository.read(type, id),
      theOne,
    );
    return JSON.parse(body) as JsonObject;
  }
}

const notYet: Issue = {
  severity: 'information',
  code: 'informational',
  text: 'Profiles are checked when nothing else is wrong.',
};

const allOk: Issue = { severity: 'information', code: 'informational', text: 'All OK' };

const inputOf = (request: FastifyRequest): OperationInput => operationInput(request, (request.params as Params).type);

/** The mode that is asked for. Throws 400 for one that there is not, or that needs an id which the URL does not have. */
function modeOf(input: OperationInput, id: string | undefined): ValidationMode | undefined {
  const wanted = oneText(input, 'mode');
  if (wanted === undefined) return undefined;
  const mode = validationModes.find((known) => known === wanted);
  if (mode === undefined || (mode === 'delete' && id === undefined)) {
    throw badRequest(`'mode' takes ${validationModes.join(', ')}; delete needs the id of a resource in the URL.`, {
      code: 'value',
      expression: ['mode'],
    });
  }
  return mode;
}

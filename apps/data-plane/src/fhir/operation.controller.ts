import { All, Controller, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { OutcomeError } from '#fhir';

/** Operations (https://hl7.org/fhir/R4/operations.html). None is here yet; each will have a route that goes before. */
@Controller('fhir')
export class OperationController {
  @All(['$:operation', ':type/$:operation', ':type/:id/$:operation'])
  notSupported(@Req() request: FastifyRequest): never {
    const { operation } = request.params as { operation: string };
    const text = `The operation '$${operation.slice(0, 64)}' is not supported.`;
    throw new OutcomeError('not-found', [{ severity: 'error', code: 'not-supported', text }]);
  }
}

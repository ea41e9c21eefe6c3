import { All, Controller, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { unknownOperation } from './operations/unknown-operation.js';

/** Operations that are not here (https://hl7.org/fhir/R4/operations.html); each one that is has a route that goes before. */
@Controller('fhir')
export class OperationController {
  @All(['$:operation', ':type/$:operation', ':type/:id/$:operation'])
  notSupported(@Req() request: FastifyRequest): never {
    throw unknownOperation((request.params as { operation: string }).operation);
  }
}

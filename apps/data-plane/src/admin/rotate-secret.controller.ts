import { Controller, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { badRequest } from '#fhir';
import type { SecretChange } from '#fhir-store';
import { generateSecret, sha256 } from '#platform';
import { assertOnly, oneText, operationInput, type OperationInput } from '../fhir/operations/operation-input.js';
import { sendWithSecret } from './admin-answer.js';
import { ProjectAdministration } from './project-administration.js';

@Controller('fhir')
export class RotateSecretController {
  constructor(private readonly administration: ProjectAdministration) {}

  /**
   * Gives a client a new secret, which is in this answer and in no other; the one before goes on to be accepted until
   * the next rotation, or until the operation is called with it as `retiringSecret`. With `secret` it is replaced only
   * if that is what it is.
   */
  @Post('ClientApplication/:id/$rotate-secret')
  async rotate(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { id } = request.params as { id: string };
    const entity = `ClientApplication/${id}`;
    await this.administration.assertAdministrator(request, 'U', entity);
    const next = generateSecret();
    const change = changeOf(operationInput(request), next);
    const version = await this.administration.run(request, 'U', entity, (administration) =>
      administration.changeSecret(id, change),
    );
    if (version === false) {
      throw badRequest('The client has another secret than the one given', {
        expression: [change.kind === 'retire' ? 'retiringSecret' : 'secret'],
      });
    }
    return sendWithSecret(request, reply, 200, version, change.kind === 'rotate' ? next : undefined);
  }
}

function changeOf(input: OperationInput, next: string): SecretChange {
  assertOnly(input, ['secret', 'retiringSecret']);
  const secret = oneText(input, 'secret');
  const retiring = oneText(input, 'retiringSecret');
  if (secret !== undefined && retiring !== undefined) {
    throw badRequest('Give the secret that is to be replaced, or the retiring one that is to end, not both', {
      expression: ['secret', 'retiringSecret'],
    });
  }
  if (retiring !== undefined) return { kind: 'retire', given: sha256(retiring) };
  return { kind: 'rotate', next: sha256(next), ...(secret === undefined ? {} : { given: sha256(secret) }) };
}

import { Controller, Delete, Get, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { badRequest, type JsonObject, notFound } from '#fhir';
import type { Administration, StoredVersion } from '#fhir-store';
import { hashPassword } from '#platform';
import { isAddress } from '../auth/email-address.js';
import { jsonFields } from '../auth/json-fields.js';
import { chosenPassword } from '../auth/password-rules.js';
import { profileTypes } from '../auth/profile-types.js';
import { sendDone } from '../auth/uncached-answer.js';
import { resourceBody } from '../fhir/resource-body.js';
import { sessionOf } from '../tenant/request-tenant.js';
import { sendResource } from './admin-answer.js';
import { assertPresent, type NamedTarget, target, targetsOfMembership } from './named-references.js';
import { ProjectAdministration } from './project-administration.js';

/** Who belongs to the project, and with which rights. */
@Controller('admin/projects')
export class MembersController {
  constructor(private readonly administration: ProjectAdministration) {}

  @Get(':projectId/members/:membershipId')
  async read(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const id = membershipIdOf(request);
    const membership = await this.administration.read(request, `ProjectMembership/${id}`, (repository) =>
      repository.read('ProjectMembership', id),
    );
    return sendResource(request, reply, 200, membership);
  }

  /** Replaces a membership; whose it is, and of which project, stays. */
  @Post(':projectId/members/:membershipId')
  async replace(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const id = membershipIdOf(request);
    const entity = `ProjectMembership/${id}`;
    await this.administration.assertAdministrator(request, 'U', entity);
    const { value } = resourceBody(request, 'ProjectMembership');
    if (value.id !== id) {
      throw badRequest(`The URL asks for ${entity}, but the body has another id`, { expression: ['id'] });
    }
    const membership = await this.administration.run(request, 'U', entity, (administration) =>
      replaceMembership(administration, id, value),
    );
    return sendResource(request, reply, 200, membership);
  }

  @Delete(':projectId/members/:membershipId')
  async remove(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const id = membershipIdOf(request);
    await this.administration.run(request, 'D', `ProjectMembership/${id}`, (administration) =>
      administration.delete('ProjectMembership', id),
    );
    return sendDone(request, reply, 'The membership was deleted');
  }

  /** Gives somebody another password, and ends the log-ins that were made with the one before. */
  @Post('setpassword')
  async setPassword(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.administration.assertAdministrator(request, 'U', 'admin/projects/setpassword');
    const fields = jsonFields(request);
    const email = fields.required('email');
    const password = chosenPassword(fields, 'password');
    fields.check();
    const hash = await hashPassword(password, sessionOf(request).runtime.entry.projectId);
    await this.administration.run(request, 'U', 'admin/projects/setpassword', async (administration) => {
      const user = isAddress(email) ? await administration.findUser(email) : undefined;
      if (user === undefined) throw notFound();
      await administration.setPassword(user.id, hash);
      await administration.endLogins(`User/${user.id}`);
    });
    return sendDone(request, reply, 'The password was set');
  }
}

const membershipIdOf = (request: FastifyRequest): string => (request.params as { membershipId: string }).membershipId;

/** What the stored membership names already may be gone; what it names from now on must be there. */
async function replaceMembership(
  administration: Administration,
  id: string,
  given: JsonObject,
): Promise<StoredVersion> {
  const stored = await administration.read('ProjectMembership', id);
  if (stored === undefined) throw notFound();
  const known = new Set(targetsOf(stored).map(({ reference }) => reference));
  await assertPresent(
    administration,
    targetsOf(given).filter(({ reference }) => !known.has(reference)),
  );
  const { user, project } = stored;
  return administration.change('ProjectMembership', id, () =>
    JSON.stringify({
      ...given,
      ...(user === undefined ? {} : { user }),
      ...(project === undefined ? {} : { project }),
    }),
  );
}

const targetsOf = (membership: JsonObject): NamedTarget[] => [
  ...targetsOfMembership(membership, 'ProjectMembership'),
  ...target(membership.profile, 'ProjectMembership.profile', profileTypes),
];

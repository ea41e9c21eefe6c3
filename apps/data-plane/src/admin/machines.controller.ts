import { Controller, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { JsonObject, JsonValue } from '#fhir';
import type { Administration, StoredVersion } from '#fhir-store';
import { generateSecret } from '#platform';
import { jsonFields, type JsonFields } from '../auth/json-fields.js';
import { sessionOf } from '../tenant/request-tenant.js';
import { sendResource, sendWithSecret } from './admin-answer.js';
import { assertPresent, target } from './named-references.js';
import { ProjectAdministration } from './project-administration.js';

type Machine = JsonObject & { readonly resourceType: string; readonly name: string };

/** Members of the project that are programs: each gets a membership of its own, whose profile is the program itself. */
@Controller('admin/projects')
export class MachinesController {
  constructor(private readonly administration: ProjectAdministration) {}

  /** Makes a client. Its secret is in this answer and in no other. */
  @Post(':projectId/client')
  async createClient(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.administration.assertAdministrator(request, 'C', 'ClientApplication');
    const fields = jsonFields(request);
    const secret = generateSecret();
    const client = {
      resourceType: 'ClientApplication',
      status: 'active',
      ...namedMachine(fields),
      ...given(fields, ['redirectUri', 'redirectUris', 'accessTokenLifetime', 'refreshTokenLifetime']),
      secret,
    };
    const version = await this.create(request, client, fields.value('accessPolicy'));
    return sendWithSecret(request, reply, 201, version, secret);
  }

  /** Makes a bot, which has rights but runs nothing yet. */
  @Post(':projectId/bot')
  async createBot(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.administration.assertAdministrator(request, 'C', 'Bot');
    const fields = jsonFields(request);
    const bot = { resourceType: 'Bot', ...namedMachine(fields), ...given(fields, ['runtimeVersion']) };
    return sendResource(request, reply, 201, await this.create(request, bot, fields.value('accessPolicy')));
  }

  private create(
    request: FastifyRequest,
    machine: Machine,
    accessPolicy: JsonValue | undefined,
  ): Promise<StoredVersion> {
    const { projectId, name } = sessionOf(request).runtime.entry;
    const project = { reference: `Project/${projectId}`, display: name };
    return this.administration.run(request, 'C', machine.resourceType, (administration, { user }) =>
      createMachine(administration, machine, {
        project,
        invitedBy: { reference: user },
        ...(accessPolicy === undefined ? {} : { accessPolicy }),
      }),
    );
  }
}

async function createMachine(
  administration: Administration,
  machine: Machine,
  membership: JsonObject,
): Promise<StoredVersion> {
  await assertPresent(administration, target(membership.accessPolicy, 'accessPolicy', ['AccessPolicy']));
  const version = await administration.create(machine);
  const self = { reference: `${version.type}/${version.id}`, display: machine.name };
  await administration.create({
    resourceType: 'ProjectMembership',
    ...membership,
    user: self,
    profile: self,
  });
  return version;
}

function namedMachine(fields: JsonFields): { name: string; description?: string } {
  const name = fields.required('name');
  const description = fields.text('description');
  fields.check();
  return { name, ...(description === undefined ? {} : { description }) };
}

/** The members that the body gives; whether they have the right form, validation says. */
function given(fields: JsonFields, names: readonly string[]): JsonObject {
  return Object.fromEntries(
    names.flatMap((name): [string, JsonValue][] => {
      const value = fields.value(name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

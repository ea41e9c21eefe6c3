import { Controller, Get, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { badRequest, jsonPatch, type JsonObject } from '#fhir';
import { sendUncached } from '../auth/uncached-answer.js';
import { jsonText } from '../fhir/resource-body.js';
import { runAsCaller } from '../fhir/run-as-caller.js';
import { sessionOf } from '../tenant/request-tenant.js';
import { sendResource } from './admin-answer.js';
import { ProjectAdministration } from './project-administration.js';

/** The Project itself, as far as its administrators decide over it. */
@Controller('admin/projects')
export class ProjectsController {
  constructor(private readonly administration: ProjectAdministration) {}

  @Get(':projectId')
  async read(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { projectId } = sessionOf(request).runtime.entry;
    const { body } = await this.administration.read(request, `Project/${projectId}`, (repository) =>
      repository.read('Project', projectId),
    );
    const { id, name, secret, site } = JSON.parse(body) as JsonObject;
    return sendUncached(request, reply, 200, JSON.stringify({ project: { id, name, secret, site } }));
  }

  /** Replaces the secrets that bots of the project get. */
  @Post(':projectId/secrets')
  secrets(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.replaceList(request, reply, 'secret');
  }

  /** Replaces the sites from which people may sign in. */
  @Post(':projectId/sites')
  sites(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.replaceList(request, reply, 'site');
  }

  /** The answer is the Project as the caller may see it: some of it belongs to the operator alone. */
  private async replaceList(request: FastifyRequest, reply: FastifyReply, member: 'secret' | 'site'): Promise<void> {
    const { projectId } = sessionOf(request).runtime.entry;
    const entity = `Project/${projectId}`;
    await this.administration.assertAdministrator(request, 'U', entity);
    // As text, so that the numbers of settings are stored as they are written.
    const patch = jsonPatch(`[{"op":"add","path":"/${member}","value":${listText(jsonText(request))}}]`);
    await this.administration.run(request, 'U', entity, (administration) =>
      administration.change('Project', projectId, patch),
    );
    const project = await runAsCaller(request, (repository) => repository.read('Project', projectId));
    return sendResource(request, reply, 200, project);
  }
}

/** The text of a JSON array. Throws 400 for anything else. */
function listText(text: string): string {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    throw badRequest('The body is not valid JSON', { code: 'structure' });
  }
  if (!Array.isArray(list)) throw badRequest('The body must be a list', { code: 'structure' });
  return text;
}

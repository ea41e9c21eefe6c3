/**
 * The door of every administrative action: who may do it, in which project, and what happens when rights change
 * meanwhile. Targets are looked up in the database of the caller's own project, so an action cannot reach another one.
 */
import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { systemPolicy } from '#access-policy';
import {
  administer,
  type Administration,
  type AuditEntry,
  ReadAudit,
  ResourceRepository,
  StaleRights,
} from '#fhir-store';
import type { Principal } from '../auth/session.js';
import { recordRead, refused } from '../fhir/read-audit.js';
import { sessionOf } from '../tenant/request-tenant.js';
import { Turns } from './turns.js';

/** How often an action is begun anew because rights were changed by somebody else, in another process. */
const MAX_ATTEMPTS = 5;

/** A path may say these words instead of the id of the token's project: published apps do. */
const OWN_PROJECT = ':projectId';

@Injectable()
export class ProjectAdministration {
  private readonly turns = new Turns();

  constructor(private readonly audit: ReadAudit) {}

  /**
   * Throws 403 unless the caller of the request is an administrator of its project and the path is about that project;
   * `action` and `entity` say what is recorded as refused then. Rights are read again before anybody is refused: nothing
   * else would tell that somebody has become an administrator a moment ago.
   */
  async assertAdministrator(request: FastifyRequest, action: AuditEntry['action'], entity: string): Promise<void> {
    const session = sessionOf(request);
    const { projectId = OWN_PROJECT } = request.params as { projectId?: string };
    const isOwn = projectId === OWN_PROJECT || projectId === session.runtime.entry.projectId;
    if (isOwn && (session.current.policy.projectAdmin || (await session.renew()).policy.projectAdmin)) return;
    throw refused(this.audit, request, action, entity);
  }

  /** Reads something of the project for the caller of the request, who must be an administrator, whatever their policy. */
  async read<T>(
    request: FastifyRequest,
    entity: string,
    work: (repository: ResourceRepository) => Promise<T>,
  ): Promise<T> {
    const session = sessionOf(request);
    for (let attempt = 1; ; attempt++) {
      await this.assertAdministrator(request, 'R', entity);
      const caller = { ...session.caller(request.id), policy: systemPolicy(`administration: ${entity}`) };
      try {
        const result = await work(new ResourceRepository(session.runtime.database, caller));
        recordRead(this.audit, request, entity, 'success');
        return result;
      } catch (error) {
        if (!(error instanceof StaleRights) || attempt === MAX_ATTEMPTS) throw error;
        await session.renew();
      }
    }
  }

  /**
   * Runs `work` for the caller of the request, who must be an administrator, in a transaction that changes rights. It is
   * begun anew, with the caller's rights as they are then, when rights have changed since they were read. `entity` says
   * what is done to what, for the audit.
   */
  async run<T>(
    request: FastifyRequest,
    action: 'C' | 'U' | 'D',
    entity: string,
    work: (administration: Administration, administrator: Principal) => Promise<T>,
  ): Promise<T> {
    const session = sessionOf(request);
    const { database, entry } = session.runtime;
    const result = await this.turns.take(entry.projectId, async () => {
      for (let attempt = 1; ; attempt++) {
        await this.assertAdministrator(request, action, entity);
        try {
          const caller = session.caller(request.id);
          return await administer(database, caller, `administration: ${entity}`, (administration) =>
            work(administration, session.current),
          );
        } catch (error) {
          if (!(error instanceof StaleRights) || attempt === MAX_ATTEMPTS) throw error;
          await session.renew();
        }
      }
    });
    this.audit.sealSoon(database);
    return result;
  }
}

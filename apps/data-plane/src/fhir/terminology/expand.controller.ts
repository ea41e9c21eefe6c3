import { Controller, Get, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import {
  expandValueSet,
  type FhirVersion,
  type JsonObject,
  notFound,
  OutcomeError,
  readValueSet,
  type ValueSet,
} from '#fhir';
import { ReadAudit, type ResourceRepository, type StoredVersion } from '#fhir-store';
import { uuidv7 } from '#platform';
import { sendText } from '../../http/send.js';
import { sessionOf } from '../../tenant/request-tenant.js';
import { operationInput } from '../operations/operation-input.js';
import { readAsCaller } from '../read-audit.js';
import { CACHE_CONTROL } from '../version-answer.js';
import { type ExpansionRequest, expansionRequest, type ExpansionSubject } from './expansion-request.js';
import { StoredTerminology } from './stored-terminology.js';

/**
 * `ValueSet/$expand` (https://hl7.org/fhir/R4/valueset-operation-expand.html): the codes of a value set, a page at a time, for
 * fields in which people choose codes.
 */
@Controller('fhir/ValueSet')
export class ExpandController {
  constructor(private readonly audit: ReadAudit) {}

  @Get(['$expand', ':id/$expand'])
  read(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.expand(request, reply);
  }

  @Post(['$expand', ':id/$expand'])
  ask(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.expand(request, reply);
  }

  private async expand(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const session = sessionOf(request);
    const { database } = session.runtime;
    const { id } = request.params as { readonly id?: string };
    const wanted = expansionRequest(database, operationInput(request), id);
    // What is sent along may be expanded without a statement that would find out that the caller has lost the rights.
    if (wanted.subject.kind === 'sent') await session.refresh();
    const { expanded } = await readAsCaller(
      this.audit,
      request,
      entityOf(wanted.subject),
      (repository) => expandFor(repository, database.version, wanted),
      ({ used }) => used,
    );
    void reply.header('cache-control', CACHE_CONTROL);
    return sendText(request, reply, 200, JSON.stringify(expanded));
  }
}

/** What the audit says was read. */
function entityOf(subject: ExpansionSubject): string {
  if (subject.kind === 'stored') return `ValueSet/${subject.id}/$expand`;
  return subject.kind === 'canonical' ? `ValueSet/$expand?url=${subject.canonical}` : 'ValueSet/$expand';
}

async function expandFor(
  repository: ResourceRepository,
  version: FhirVersion,
  { subject, wishes }: ExpansionRequest,
): Promise<{ readonly expanded: JsonObject; readonly used: readonly StoredVersion[] }> {
  const source = new StoredTerminology(repository, version);
  const valueSet = await subjectIn(source, repository, subject);
  const stamp = { identifier: `urn:uuid:${uuidv7()}`, timestamp: new Date().toISOString() };
  return { expanded: await expandValueSet(source, valueSet, wishes, stamp), used: source.used };
}

/** The value set that is meant. Throws 404 for a URL that none has, and what reading throws for an id. */
async function subjectIn(
  source: StoredTerminology,
  repository: ResourceRepository,
  subject: ExpansionSubject,
): Promise<ValueSet> {
  if (subject.kind === 'sent') return readValueSet(subject.resource);
  if (subject.kind === 'stored') {
    const stored = await repository.read('ValueSet', subject.id);
    source.used.push(stored);
    return readValueSet(JSON.parse(stored.body) as JsonObject);
  }
  const found = (await source.valueSets([subject.canonical])).get(subject.canonical);
  if (found !== undefined) return found;
  const text = `There is no value set '${subject.canonical}'.`;
  throw new OutcomeError(notFound().category, [{ severity: 'error', code: 'not-found', text, expression: ['url'] }]);
}

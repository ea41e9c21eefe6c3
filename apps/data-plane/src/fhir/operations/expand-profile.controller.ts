import { Controller, Get, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { badRequest, isJsonObject, type JsonObject, type JsonValue, tooCostly } from '#fhir';
import { escapeValue, parseSearch } from '#fhir-search';
import { ReadAudit, type ResourceRepository, shownBody, type StoredVersion } from '#fhir-store';
import { sendText } from '../../http/send.js';
import { BaseUrls } from '../../tenant/base-urls.js';
import { sessionOf } from '../../tenant/request-tenant.js';
import { presentationOf } from '../presentation.js';
import { queryOf } from '../query.js';
import { readAsCaller } from '../read-audit.js';
import { CACHE_CONTROL } from '../version-answer.js';

/** How many steps away from the profile others are looked for, and how many there may be in all. */
const MAX_STEPS = 10;
const MAX_PROFILES = 100;

/**
 * `StructureDefinition/$expand-profile?url=…`, an operation of our own that SDKs ask for: a Bundle of the profile and, in
 * turn, of the profiles that its elements name. Those that are not here are left out.
 */
@Controller('fhir/StructureDefinition')
export class ExpandProfileController {
  constructor(
    private readonly baseUrls: BaseUrls,
    private readonly audit: ReadAudit,
  ) {}

  @Get('$expand-profile')
  read(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.expand(request, reply);
  }

  /** The body says nothing: SDKs send an empty object. */
  @Post('$expand-profile')
  ask(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.expand(request, reply);
  }

  private async expand(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const url = new URLSearchParams(queryOf(request)).get('url') ?? '';
    if (url === '')
      throw badRequest("The operation needs a parameter 'url'.", { code: 'required', expression: ['url'] });
    const { version } = sessionOf(request).runtime.database;
    const findByUrl = async (repository: ResourceRepository, urls: readonly string[]): Promise<StoredVersion[]> => {
      const query: [string, string][] = [
        ['url', urls.map(escapeValue).join(',')],
        ['_count', String(MAX_PROFILES)],
      ];
      const search = parseSearch(version, 'StructureDefinition', query, { handling: 'strict' });
      return (await repository.search(search)).hits;
    };
    const profiles = await readAsCaller(
      this.audit,
      request,
      `StructureDefinition/$expand-profile?url=${url}`,
      (repository) => expandProfile((urls) => findByUrl(repository, urls), url),
      (found) => found,
    );
    const presentation = presentationOf(request, this.baseUrls);
    const entries = profiles.map((profile) => {
      const fullUrl = JSON.stringify(`${presentation.baseUrl}StructureDefinition/${profile.id}`);
      return `{"fullUrl":${fullUrl},"resource":${shownBody(profile, presentation)}}`;
    });
    void reply.header('cache-control', CACHE_CONTROL);
    return sendText(
      request,
      reply,
      200,
      `{"resourceType":"Bundle","type":"collection","entry":[${entries.join(',')}]}`,
    );
  }
}

/** The profile and those that it needs, in the order of their distance. Throws 400 when there is no profile of that url. */
async function expandProfile(
  find: (urls: readonly string[]) => Promise<StoredVersion[]>,
  url: string,
): Promise<StoredVersion[]> {
  const asked = new Set([url]);
  const [first] = await find([url]);
  if (first === undefined) {
    throw badRequest(`There is no StructureDefinition with the url '${url}'.`, {
      code: 'not-found',
      expression: ['url'],
    });
  }
  const found = [first];
  let last = [first];
  for (let step = 1; step < MAX_STEPS && last.length > 0; step++) {
    const wanted = last.flatMap(profilesIn).filter((profile) => !asked.has(profile));
    for (const profile of wanted) asked.add(profile);
    if (asked.size > MAX_PROFILES) throw tooCostly(`A profile is expanded to ${MAX_PROFILES} others at most.`);
    last = wanted.length === 0 ? [] : await find([...new Set(wanted)]);
    found.push(...last);
  }
  return found;
}

/** The profiles that the elements of a StructureDefinition name in `type.profile`, without their versions. */
function profilesIn({ body }: StoredVersion): string[] {
  const { snapshot, differential } = JSON.parse(body) as JsonObject;
  return [snapshot, differential]
    .flatMap((view) => listOf(isJsonObject(view) ? view.element : undefined))
    .flatMap((element) => listOf(element.type))
    .flatMap(({ profile }) => (Array.isArray(profile) ? profile : []))
    .filter((profile) => typeof profile === 'string')
    .map((profile) => profile.split('|')[0] ?? profile);
}

const listOf = (value: JsonValue | undefined): JsonObject[] => (Array.isArray(value) ? value.filter(isJsonObject) : []);

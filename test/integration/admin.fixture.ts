/** Projects with members of several kinds, and short ways to call their administration. */
import type { JsonObject } from '#fhir';
import { type Answer, aDataPlane, type TestPlane, type TestProject } from './data-plane.fixture.js';

/** A resource as it is answered. */
export type Stored = JsonObject & { readonly resourceType: string; readonly id: string; readonly secret?: string };

/** Somebody who calls the project: a client, which needs no browser to log in. */
export interface Member {
  readonly clientId: string;
  readonly membershipId: string;
  readonly authorization: string;
}

export interface Call {
  readonly method?: string;
  readonly body?: unknown;
  readonly as?: Pick<Member, 'authorization'>;
  readonly headers?: Record<string, string>;
}

export interface AdministeredProject {
  readonly plane: TestPlane;
  readonly project: TestProject;
  /** A call below the project's base URL, by default as its admin client. */
  call(path: string, call?: Call): Promise<Answer>;
  /** The same below `fhir/R4/`. */
  fhir(path: string, call?: Call): Promise<Answer>;
  /** A POST below `admin/projects/<id>/` that must be answered with this status; its answer. */
  post(path: string, body: unknown, status?: number): Promise<Stored>;
  /** Stores a resource as the admin client. */
  store(resource: object): Promise<Stored>;
  /** All resources that a search of the admin client finds. */
  found(query: string): Promise<Stored[]>;
  /** A client that is a member: with this policy, and what else its membership says. */
  member(name: string, policy?: object, membership?: JsonObject): Promise<Member>;
}

/** A data plane with a project; `close` the plane. */
export async function anAdministeredProject(plane: TestPlane, project: TestProject): Promise<AdministeredProject> {
  const administered: AdministeredProject = {
    plane,
    project,
    call: async (path, { method = 'GET', body, as, headers = {} } = {}) =>
      plane.call({
        method,
        path: `${project.path}${path}`,
        headers: {
          authorization: as?.authorization ?? `Bearer ${await plane.token(project)}`,
          ...(body === undefined ? {} : { 'content-type': 'application/fhir+json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      }),
    fhir: (path, call) => administered.call(`fhir/R4/${path}`, call),
    post: async (path, body, status = 200) => {
      const answer = await administered.call(`admin/projects/${project.id}/${path}`, { method: 'POST', body });
      expect([answer.status, answer.text]).toEqual([status, expect.any(String)]);
      return JSON.parse(answer.text) as Stored;
    },
    store: async (resource) => {
      const { resourceType } = resource as { resourceType: string };
      const answer = await administered.fhir(resourceType, { method: 'POST', body: resource });
      expect([answer.status, answer.text]).toEqual([201, expect.any(String)]);
      return JSON.parse(answer.text) as Stored;
    },
    found: async (query) => {
      const answer = await administered.fhir(query);
      expect(answer.status).toBe(200);
      return (answer.json.entry ?? []).map(({ resource }) => resource as unknown as Stored);
    },
    member: async (name, policy, membership) => {
      const accessPolicy =
        policy === undefined
          ? {}
          : { accessPolicy: { reference: `AccessPolicy/${(await administered.store(policy)).id}` } };
      const client = await administered.post('client', { name, ...accessPolicy }, 201);
      const clientId = client.id;
      const [own] = await administered.found(`ProjectMembership?user=ClientApplication/${clientId}`);
      const membershipId = own?.id ?? '';
      if (membership !== undefined) await administered.post(`members/${membershipId}`, { ...own, ...membership });
      const token = await plane.call({
        method: 'POST',
        path: `${project.path}oauth2/token`,
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({
          grant_type: 'client_credentials',
          client_id: clientId,
          client_secret: client.secret ?? '',
        }).toString(),
      });
      expect([token.status, token.text]).toEqual([200, expect.any(String)]);
      return { clientId, membershipId, authorization: `Bearer ${token.json.access_token}` };
    },
  };
  return administered;
}

/** A data plane with one project, and the project. */
export async function aProjectWithAdmin(...plane: Parameters<typeof aDataPlane>): Promise<AdministeredProject> {
  const opened = await aDataPlane(...plane);
  return anAdministeredProject(opened, await opened.createProject('north'));
}

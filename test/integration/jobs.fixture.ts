/** Requests that are answered later, as a client follows them. */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { JsonObject } from '#fhir';
import { connectOnce, type OwnedConnection, sql } from '#postgres';
import type { Answer, TestPlane, TestProject } from './data-plane.fixture.js';

export const later = { prefer: 'respond-async' };

export interface Manifest {
  readonly transactionTime: string;
  readonly request: string;
  readonly requiresAccessToken: boolean;
  readonly output: readonly { readonly type: string; readonly url: string; readonly count: number }[];
  readonly deleted: readonly unknown[];
  readonly error: readonly unknown[];
}

type Headers = Record<string, string>;

export class JobClient {
  constructor(
    readonly plane: TestPlane,
    readonly project: TestProject,
  ) {}

  get(path: string, headers: Headers = {}): Promise<Answer> {
    return this.plane.fhir(this.project, path, { headers });
  }

  send(method: string, path: string, body?: unknown, headers: Headers = {}): Promise<Answer> {
    const text = body === undefined ? {} : { body: JSON.stringify(body) };
    return this.plane.fhir(this.project, path, { method, ...text, headers });
  }

  /** Starts something that must be accepted, and gives the path at which it is followed, below the FHIR base. */
  async start(path: string, body?: unknown, headers: Headers = {}): Promise<string> {
    const answer = await this.send('POST', path, body, { ...later, ...headers });
    if (answer.status !== 202) throw new Error(`not accepted: ${answer.status} ${answer.text}`);
    return this.pathOf(String(answer.headers['content-location']));
  }

  /** What stands behind the FHIR base in an address of this project. */
  pathOf(url: string): string {
    const base = `${this.plane.url}${this.project.path}fhir/${this.project.fhirLabel}/`;
    if (!url.startsWith(base)) throw new Error(`${url} is not below ${base}`);
    return url.slice(base.length);
  }

  /** The answer at the end. */
  async ended(path: string, headers: Headers = {}): Promise<Answer> {
    for (const end = Date.now() + 30_000; ;) {
      const answer = await this.get(path, headers);
      if (answer.status !== 202) return answer;
      if (Date.now() > end) throw new Error(`no end of ${path}: ${answer.text}`);
      await pause(20);
    }
  }

  /** Carries an export to its end. */
  async exported(path: string, headers: Headers = {}, body?: unknown): Promise<Manifest> {
    const answer = await this.ended(await this.start(path, body, headers), headers);
    if (answer.status !== 200) throw new Error(`${answer.status} ${answer.text}`);
    return JSON.parse(answer.text) as Manifest;
  }

  /** The lines of all files. */
  async linesOf({ output }: Manifest, headers: Headers = {}): Promise<string[]> {
    const lines: string[] = [];
    for (const { url, type, count } of output) {
      const file = await this.get(this.pathOf(url), headers);
      if (file.status !== 200) throw new Error(`${file.status} ${file.text}`);
      const ofFile = file.text.split('\n').slice(0, -1);
      if (ofFile.length !== count) throw new Error(`${url} has ${ofFile.length} lines, not ${count}`);
      const stray = ofFile.find((line) => (JSON.parse(line) as JsonObject).resourceType !== type);
      if (stray !== undefined) throw new Error(`${url} has ${stray}`);
      lines.push(...ofFile);
    }
    return lines;
  }

  /** A program of the project with that policy, as headers; without one it may do everything. */
  async member(policy?: JsonObject): Promise<Headers & { authorization: string }> {
    const accessPolicy =
      policy === undefined
        ? {}
        : {
            accessPolicy: { reference: `AccessPolicy/${await this.put({ resourceType: 'AccessPolicy', ...policy })}` },
          };
    const answer = await this.plane.call({
      method: 'POST',
      path: `${this.project.path}admin/projects/${this.project.id}/client`,
      headers: { authorization: `Bearer ${await this.plane.token(this.project)}`, 'content-type': 'application/json' },
      body: JSON.stringify({ name: `Member ${randomUUID()}`, ...accessPolicy }),
    });
    if (answer.status !== 201) throw new Error(answer.text);
    const { id, secret } = answer.json as unknown as { id: string; secret: string };
    return { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` };
  }

  /** The membership of such a program. */
  async membershipOf(member: { readonly authorization: string }): Promise<JsonObject> {
    const { text } = await this.get(`ProjectMembership?user=ClientApplication/${programOf(member)}`);
    const [entry] = (JSON.parse(text) as { entry: { resource: JsonObject }[] }).entry;
    if (entry === undefined) throw new Error('the program has no membership');
    return entry.resource;
  }

  /** Stores a resource, under its id if it has one; its id. */
  async put(resource: JsonObject, headers: Headers = { 'x-medplum': 'extended' }): Promise<string> {
    const { resourceType, id } = resource as { resourceType: string; id?: string };
    const answer =
      id === undefined
        ? await this.send('POST', resourceType, resource, headers)
        : await this.send('PUT', `${resourceType}/${id}`, resource, headers);
    if (answer.status >= 300) throw new Error(`${answer.status} ${answer.text}`);
    return answer.json.id;
  }

  /** Works in the project's database as its owner. */
  async inDatabase<T>(work: (connection: OwnedConnection) => Promise<T>): Promise<T> {
    const connection = await connectOnce(this.project.tenantUrl);
    try {
      return await work(connection);
    } finally {
      await connection.close();
    }
  }

  /** As if everybody who carries something out had been silent for long. */
  expireLeases(): Promise<unknown> {
    return this.inDatabase((connection) => connection.query(sql`UPDATE async_job SET lease_until = clock_timestamp()`));
  }

  /** So that there is room for others. */
  forgetJobs(): Promise<unknown> {
    return this.inDatabase((connection) => connection.query(sql`DELETE FROM async_job`));
  }

  jobs(): Promise<{ id: string; state: string; request: Buffer | null; fence: string }[]> {
    return this.inDatabase((connection) => connection.query(sql`SELECT id, state, request, fence FROM async_job`));
  }
}

/** The job in the path at which it is followed. */
export const jobIdOf = (path: string): string => /[0-9a-f-]{36}/.exec(path)?.[0] ?? '';

/** The id of the program that makes requests with these headers. */
export const programOf = ({ authorization }: { readonly authorization: string }): string =>
  Buffer.from(authorization.slice('Basic '.length), 'base64').toString().split(':')[0] ?? '';

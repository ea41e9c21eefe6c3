/** People of a project that log in as an app would have them do it. */
import { createHash, randomBytes } from 'node:crypto';
import { connectOnce, sql } from '#postgres';
import { quickPasswordHash } from '#testing';
import type { Answer, TestPlane, TestProject } from './data-plane.fixture.js';

export interface Person {
  readonly email: string;
  readonly password: string;
  readonly membershipId: string;
  readonly userId: string;
  readonly profile: string;
}

export interface Pkce {
  readonly verifier: string;
  readonly challenge: { readonly codeChallenge: string; readonly codeChallengeMethod: string };
}

export interface Tokens {
  readonly access_token: string;
  readonly refresh_token?: string;
  readonly id_token?: string;
  readonly scope: string;
  readonly expires_in: number;
  readonly patient?: string;
  readonly profile: { reference: string; display?: string };
}

/** The members of the answers of identity routes. */
export interface LoginJson {
  readonly login: string;
  readonly code?: string;
  readonly memberships?: { id: string; project: object; profile: { reference: string; display?: string } }[];
}

export const aPkce = (): Pkce => {
  const verifier = randomBytes(32).toString('base64url');
  const codeChallenge = createHash('sha256').update(verifier).digest('base64url');
  return { verifier, challenge: { codeChallenge, codeChallengeMethod: 'S256' } };
};

export const jsonOf = <T>(answer: Answer, status = 200): T => {
  if (answer.status !== status) throw new Error(`${answer.status} ${answer.text}`);
  return JSON.parse(answer.text) as T;
};

/** Where the first issue of a refusal is, and what it says. */
export const issue = (text: string): { expression?: string[]; text: string } => {
  const outcome = JSON.parse(text) as { issue: { expression?: string[]; details: { text: string } }[] };
  const [first] = outcome.issue;
  return { expression: first?.expression, text: first?.details.text ?? '' };
};

/** The security epoch of a project, which every change of rights raises. */
export async function readEpoch(project: TestProject): Promise<string> {
  const connection = await connectOnce(project.tenantUrl);
  const [row] = await connection.query<{ epoch: string }>(sql`SELECT epoch FROM security_epoch`);
  await connection.close();
  return row?.epoch ?? '';
}

/** Asks until there is an answer; fails after half a minute. */
export async function until<T>(find: () => Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const found = await find();
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new Error('It has not come about in half a minute.');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The routes of one project, as an app calls them. */
export class IdentityClient {
  private people = 0;

  constructor(
    readonly plane: TestPlane,
    readonly project: TestProject,
  ) {}

  /** POST with the media type of MedplumClient. */
  async post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return this.plane.call({
      method: 'POST',
      path: `${this.project.path}${path}`,
      headers: { 'content-type': 'application/fhir+json', ...headers },
      body: JSON.stringify(body),
    });
  }

  async get(path: string, token?: string): Promise<Answer> {
    return this.plane.call({
      path: `${this.project.path}${path}`,
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    });
  }

  async form(path: string, form: Record<string, string>, headers: Record<string, string> = {}): Promise<Answer> {
    return this.plane.call({
      method: 'POST',
      path: `${this.project.path}${path}`,
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      body: new URLSearchParams(form).toString(),
    });
  }

  /** A resource written by the project's admin. */
  async create(resource: { resourceType: string } & Record<string, unknown>): Promise<{ id: string }> {
    const answer = await this.plane.fhir(this.project, resource.resourceType, {
      method: 'POST',
      body: JSON.stringify(resource),
    });
    return jsonOf(answer, 201);
  }

  /** A client with a membership, made by the project's admin. */
  async createClient(fields: Record<string, unknown>): Promise<{ id: string; secret: string }> {
    const authorization = `Bearer ${await this.plane.token(this.project)}`;
    return jsonOf(await this.post(`admin/projects/${this.project.id}/client`, fields, { authorization }), 201);
  }

  /** Changes a resource as the project's admin. */
  async change(reference: string, edit: (resource: Record<string, unknown>) => void): Promise<void> {
    const resource = jsonOf<Record<string, unknown>>(await this.plane.fhir(this.project, reference));
    edit(resource);
    jsonOf(await this.plane.fhir(this.project, reference, { method: 'PUT', body: JSON.stringify(resource) }));
  }

  /**
   * Somebody whom the admin invites with a password; the same address may be invited again. A password that the test does
   * not name is set afterwards, in a form that is quick to verify; not so when there is a mail, which would show that.
   */
  async invite(fields: Record<string, unknown> = {}): Promise<Person> {
    const isQuick = fields['password'] === undefined && fields['sendEmail'] !== true;
    const email = (fields['email'] as string | undefined) ?? `person-${++this.people}@${this.project.slug}.example`;
    const password = `password-${email}`;
    const body = {
      resourceType: 'Practitioner',
      firstName: 'Ana',
      lastName: 'Quay',
      email,
      ...(isQuick ? {} : { password }),
      sendEmail: false,
      ...fields,
    };
    const token = await this.plane.token(this.project);
    const membership = jsonOf<{ id: string; user: { reference: string }; profile: { reference: string } }>(
      await this.post(`admin/projects/${this.project.id}/invite`, body, { authorization: `Bearer ${token}` }),
    );
    const userId = membership.user.reference.slice('User/'.length);
    if (isQuick) await this.setPasswordWhereNone(userId, password);
    return { email, password, membershipId: membership.id, userId, profile: membership.profile.reference };
  }

  private async setPasswordWhereNone(userId: string, password: string): Promise<void> {
    const connection = await connectOnce(this.project.tenantUrl);
    await connection.query(sql`
      INSERT INTO user_password (user_id, hash) VALUES (${userId}, ${quickPasswordHash(password)})
      ON CONFLICT (user_id) DO UPDATE SET hash = excluded.hash WHERE user_password.hash LIKE 'void:%'`);
    await connection.close();
  }

  login(person: Pick<Person, 'email' | 'password'>, pkce: Pkce, more: object = {}): Promise<Answer> {
    const { email, password } = person;
    return this.post('auth/login', { email, password, ...pkce.challenge, ...more });
  }

  exchange(code: string | undefined, pkce: Pkce, more: Record<string, string> = {}): Promise<Answer> {
    return this.form('oauth2/token', {
      grant_type: 'authorization_code',
      code: code ?? '',
      code_verifier: pkce.verifier,
      client_id: '',
      redirect_uri: 'http://localhost:3000/',
      ...more,
    });
  }

  refresh(token: string | undefined, more: Record<string, string> = {}): Promise<Answer> {
    return this.form('oauth2/token', {
      grant_type: 'refresh_token',
      refresh_token: token ?? '',
      client_id: '',
      ...more,
    });
  }

  /** Tokens of somebody with one membership. */
  async tokens(person: Pick<Person, 'email' | 'password'>, more: object = {}): Promise<Tokens> {
    const pkce = aPkce();
    const { code } = jsonOf<LoginJson>(await this.login(person, pkce, more));
    return jsonOf(await this.exchange(code, pkce));
  }

  /** The status of a request that every good token may make. */
  async statusOf(token: string): Promise<number> {
    return (await this.get('auth/me', token)).status;
  }
}

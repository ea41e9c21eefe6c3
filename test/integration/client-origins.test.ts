/** `ClientApplication.allowedOrigin`: whose pages may get and use tokens of a client. */
import { aDataPlane, type Answer, type TestPlane, type TestProject } from './data-plane.fixture.js';
import { aPkce, IdentityClient, jsonOf, type LoginJson, type Person, type Tokens } from './identity.fixture.js';

const own = 'https://app.example';
const foreign = 'https://evil.example';

let plane: TestPlane;
let north: TestProject;
let app: IdentityClient;
let client: { id: string; secret: string };
let ana: Person;

beforeAll(async () => {
  plane = await aDataPlane();
  north = await plane.createProject('north');
  app = new IdentityClient(plane, north);
  client = await app.createClient({ name: 'App' });
  await app.change(`ClientApplication/${client.id}`, (resource) => (resource['allowedOrigin'] = [`${own}/`]));
  ana = await app.invite();
});

afterAll(() => plane?.close());

const echoed = ({ headers }: Answer): unknown[] => [
  headers['access-control-allow-origin'],
  headers['access-control-allow-credentials'],
];
const allowed = (origin: string | undefined): unknown[] => [origin, origin === undefined ? undefined : 'true'];
const from = (origin: string | undefined): Record<string, string> => (origin === undefined ? {} : { origin });

const token = (form: Record<string, string>, origin?: string): Promise<Answer> =>
  app.form('oauth2/token', { client_id: client.id, ...form }, from(origin));

async function code(): Promise<Record<string, string>> {
  const pkce = aPkce();
  const login = await app.login(ana, pkce, { clientId: client.id, remember: true });
  return { grant_type: 'authorization_code', code: jsonOf<LoginJson>(login).code ?? '', code_verifier: pkce.verifier };
}

const refresh = async (): Promise<Record<string, string>> => ({
  grant_type: 'refresh_token',
  refresh_token: jsonOf<Tokens>(await token(await code())).refresh_token ?? '',
});

const secret = async (): Promise<Record<string, string>> => ({
  grant_type: 'client_credentials',
  client_secret: client.secret,
});

describe('tokens of a client that names the origin of its pages', () => {
  test.each<[string, () => Promise<Record<string, string>>]>([
    ['a code', code],
    ['a refresh token', refresh],
    ['the secret', secret],
  ])('are given for %s to a page of that origin and to what is no page, and to no other page', async (_, make) => {
    const form = await make();
    for (const origin of [foreign, 'null', `${own}.evil.example`]) {
      const refused = await token(form, origin);
      expect([refused.status, refused.json.error, ...echoed(refused)]).toEqual([
        400,
        'invalid_request',
        undefined,
        undefined,
      ]);
    }
    // What was refused has used nothing up, and ended nothing.
    const given = await token(form, own);
    expect([given.status, ...echoed(given)]).toEqual([200, ...allowed(own)]);
    expect((await token(await make())).status).toBe(200);
  });

  test('are good on pages of that origin and where there is no page', async () => {
    const { access_token: bearer } = jsonOf<Tokens>(await token(await code()));
    const basic = Buffer.from(`${client.id}:${client.secret}`).toString('base64');
    for (const authorization of [`Bearer ${bearer}`, `Basic ${basic}`]) {
      const read = (path: string, origin?: string): Promise<Answer> =>
        plane.call({ path: `${north.path}${path}`, headers: { authorization, ...from(origin) } });
      for (const path of ['fhir/R4/Patient', 'auth/me']) {
        for (const origin of [own, undefined]) {
          const answer = await read(path, origin);
          expect([answer.status, ...echoed(answer)]).toEqual([200, ...allowed(origin)]);
        }
        const refused = await read(path, foreign);
        expect([refused.status, refused.json.id, ...echoed(refused)]).toEqual([403, 'forbidden', undefined, undefined]);
      }
    }
  });

  test('stay good nowhere else when the client names another origin later', async () => {
    const other = await app.createClient({ name: 'Other' });
    const pkce = aPkce();
    const login = jsonOf<LoginJson>(await app.login(ana, pkce, { clientId: other.id }));
    const form = { grant_type: 'authorization_code', code: login.code ?? '', code_verifier: pkce.verifier };
    const { access_token: bearer } = jsonOf<Tokens>(await app.form('oauth2/token', form, from(foreign)));
    const read = async (origin: string): Promise<number> => {
      const headers = { authorization: `Bearer ${bearer}`, origin };
      return (await plane.call({ path: `${north.path}fhir/R4/Patient`, headers })).status;
    };
    expect([await read(foreign), await read(own)]).toEqual([200, 200]);
    await app.change(`ClientApplication/${other.id}`, (resource) => (resource['allowedOrigin'] = [own]));
    expect([await read(own), await read(foreign)]).toEqual([200, 403]);
  });
});

/** Rotation and revocation of a project's keys by the control plane, as two data planes see it. */
import jwt from 'jsonwebtoken';
import { createLogger } from '#platform';
import { type DataPlane, startDataPlane } from '../../apps/data-plane/src/start-data-plane.js';
import { aControlPlane, type ControlPlane, until } from './control-plane.fixture.js';
import { aDataPlane, type TestPlane, type TestProject } from './data-plane.fixture.js';

let plane: TestPlane;
let second: DataPlane;
let control: ControlPlane;
let quay: TestProject;
let pier: TestProject;

beforeAll(async () => {
  plane = await aDataPlane();
  second = await startDataPlane(plane.config, createLogger(plane.config, 'data-plane'));
  control = await aControlPlane({
    database: { url: plane.controlUrl, drop: async () => undefined },
    config: { masterKey: plane.config.masterKey, baseDomain: plane.config.baseDomain },
  });
  [quay, pier] = [await plane.createProject('quay'), await plane.createProject('pier')];
});

afterAll(async () => {
  await control?.stop();
  await second?.close();
  await plane?.close();
});

const statusAt = async (url: string, token: string, project = quay): Promise<number> =>
  (await fetch(`${url}${project.path}fhir/R4/Patient`, { headers: { authorization: `Bearer ${token}` } })).status;
/** What both data planes answer to a token. */
const statuses = (token: string, project = quay) =>
  Promise.all([plane.url, second.url].map((url) => statusAt(url, token, project)));
const kidsAt = async (url: string, project = quay): Promise<string[]> => {
  const reply = await fetch(`${url}${project.path}.well-known/jwks.json`);
  return ((await reply.json()) as { keys: { kid: string }[] }).keys.map(({ kid }) => kid);
};
const kidOf = (token: string) => jwt.decode(token, { complete: true })!.header.kid!;
const send = (route: string, body: unknown = {}, project = quay, options: object = {}) =>
  control.send('POST', `/projects/${project.slug}/keys/${route}`, { body, ...options });

/** A new token of the project's admin client, once new tokens carry this key. */
async function tokenBy(kid: string, project = quay): Promise<string> {
  let token = '';
  await until(async () => kidOf((token = await plane.token(project, true))) === kid);
  return token;
}

describe('rotation', () => {
  test('signs new tokens with a new key, and those of the one before stay good until its overlap ends', async () => {
    const old = await plane.token(quay);
    const rotated = await send('rotate', { alg: 'ES256', overlapHours: 24 });
    expect([rotated.status, rotated.body]).toEqual([
      201,
      {
        kid: expect.any(String),
        state: 'signing',
        until: null,
        reason: null,
        createdAt: expect.any(String),
        previous: expect.objectContaining({ kid: quay.kid, state: 'verifying' }),
      },
    ]);
    const hoursLeft = (Date.parse(rotated.body.previous.until as string) - Date.now()) / 3_600_000;
    expect(hoursLeft).toBeGreaterThan(23.9);
    expect(hoursLeft).toBeLessThanOrEqual(24);

    const fresh = await tokenBy(rotated.body.kid as string);
    await until(async () => (await kidsAt(second.url)).length === 2);
    expect([await statuses(old), await statuses(fresh)]).toEqual([
      [200, 200],
      [200, 200],
    ]);
    for (const url of [plane.url, second.url]) {
      expect(await kidsAt(url)).toEqual([rotated.body.kid, quay.kid]);
    }

    // Nobody announces that a day has passed: only the moment that stands in the row.
    await plane.dataSource.query(`UPDATE signing_key SET verify_until = now() + interval '1 s' WHERE kid = $1`, [
      quay.kid,
    ]);
    expect(await statuses(old)).toEqual([200, 200]);
    await until(async () => String(await statuses(old)) === '401,401');
    expect([await statuses(fresh), await kidsAt(plane.url), await kidsAt(second.url)]).toEqual([
      [200, 200],
      [rotated.body.kid],
      [rotated.body.kid],
    ]);
    const list = await control.send('GET', `/projects/${quay.id}/keys`);
    expect(list.body.items.map(({ state }: { state: string }) => state)).toEqual(['signing', 'ended']);
  });

  test('without an overlap ends the old tokens at once', async () => {
    const old = await plane.token(quay, true);
    const rotated = await send('rotate', { overlapHours: 0 });
    expect(rotated.status).toBe(201);
    await until(async () => String(await statuses(old)) === '401,401');
    expect(await statuses(await tokenBy(rotated.body.kid as string))).toEqual([200, 200]);
  });

  test('many at once leave one key that signs', async () => {
    const replies = await Promise.all([1, 2, 3, 4].map(() => send('rotate', {}, pier)));
    expect(replies.map(({ status }) => status)).toEqual([201, 201, 201, 201]);
    const { body } = await control.send('GET', `/projects/${pier.id}/keys`);
    const states = body.items.map(({ state }: { state: string }) => state) as string[];
    expect(states.filter((state) => state === 'signing')).toHaveLength(1);
    expect(states.filter((state) => state === 'verifying')).toHaveLength(4);
  });
});

describe('revocation', () => {
  test('of the key that signs ends its tokens everywhere at once, and a new key signs from then on', async () => {
    const leaked = await plane.token(quay, true);
    expect(await statuses(leaked)).toEqual([200, 200]);
    const revoked = await send(`${kidOf(leaked)}/revoke`, { reason: 'leak' });
    expect([revoked.status, revoked.body]).toMatchObject([
      200,
      { kid: kidOf(leaked), state: 'revoked', reason: 'leak', changed: true, signing: { state: 'signing' } },
    ]);
    await until(async () => String(await statuses(leaked)) === '401,401');
    const fresh = await tokenBy(revoked.body.signing.kid as string);
    expect(await statuses(fresh)).toEqual([200, 200]);
    expect(await kidsAt(second.url)).not.toContain(kidOf(leaked));

    const again = await send(`${kidOf(leaked)}/revoke`, { reason: 'again' });
    expect([again.status, again.body]).toMatchObject([
      200,
      { reason: 'leak', changed: false, signing: { kid: revoked.body.signing.kid } },
    ]);
    expect(await statuses(fresh)).toEqual([200, 200]);
  });

  test('of a key that only verifies leaves the one that signs as it is', async () => {
    const old = await plane.token(quay, true);
    const rotated = await send('rotate');
    const revoked = await send(`${kidOf(old)}/revoke`, { reason: 'leak' });
    expect(revoked.body).toMatchObject({ state: 'revoked', signing: { kid: rotated.body.kid } });
    await until(async () => String(await statuses(old)) === '401,401');
    expect(await statuses(await tokenBy(rotated.body.kid as string))).toEqual([200, 200]);
  });
});

describe('what is refused', () => {
  test.each([
    ['rotate', { alg: 'RS256' }, 400, 'validation'],
    ['rotate', { overlapHours: 721 }, 400, 'validation'],
    ['rotate', { overlapHours: 1.5 }, 400, 'validation'],
    ['rotate', { until: 'tomorrow' }, 400, 'validation'],
    ['nobody/revoke', {}, 400, 'validation'],
    ['nobody/revoke', { reason: 'leak' }, 404, 'key-not-found'],
  ])('%s with %j is answered %i %s', async (route, body, status, code) => {
    const reply = await send(route, body);
    expect([reply.status, reply.body.code]).toEqual([status, code]);
  });

  test('a key of another project is not found', async () => {
    const reply = await send(`${pier.kid}/revoke`, { reason: 'leak' });
    expect([reply.status, reply.body.code]).toEqual([404, 'key-not-found']);
    expect(await statuses(await plane.token(pier), pier)).toEqual([200, 200]);
  });

  test('an auditor, and a project that is still being built', async () => {
    const { token } = await control.operator('auditor');
    expect((await send('rotate', {}, quay, { token })).status).toBe(403);
    const created = await control.send('POST', '/projects', {
      body: { slug: 'unbuilt', name: 'Unbuilt', fhirVersion: 'R4' },
    });
    const reply = await control.send('POST', `/projects/${created.body.project.id}/keys/rotate`, { body: {} });
    expect([reply.status, reply.body.code]).toEqual([409, 'invalid-state']);
  });
});

test('no answer and no log of the control plane holds a private key', async () => {
  const { body } = await control.send('GET', `/projects/${quay.id}/keys`);
  expect(JSON.stringify(body)).not.toMatch(/private|sealed|"d"/i);
});

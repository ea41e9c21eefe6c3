import jwt from 'jsonwebtoken';
import { createLogger } from '#platform';
import { compiledSql, connectOnce } from '#postgres';
import { startDataPlane } from '../../apps/data-plane/src/start-data-plane.js';
import { aDataPlane, type TestPlane, type TestProject } from './data-plane.fixture.js';

describe('behind a proxy', () => {
  let plane: TestPlane;
  let project: TestProject;

  beforeAll(async () => {
    plane = await aDataPlane({ trustProxy: 1, publicDataUrl: 'https://data.example.org', pathRouting: false });
    project = await plane.createProject('quay');
  });

  afterAll(() => plane?.close());

  test('the forwarded host names the project, and links stand on the public address', async () => {
    const answer = await plane.call({
      path: '/fhir/R4/metadata',
      host: 'internal.example.org',
      headers: { 'x-forwarded-host': 'quay.fhir.test', 'x-forwarded-proto': 'http' },
    });
    expect([answer.status, answer.json.implementation.url]).toEqual([200, 'https://quay.fhir.test/fhir/R4']);
  });

  test('the public host is the address of the platform, where the header names the project', async () => {
    const answer = await plane.call({
      path: '/fhir/R4/metadata',
      host: 'data.example.org',
      headers: { 'x-project': 'quay' },
    });
    expect([answer.status, answer.json.implementation.url]).toEqual([200, 'https://data.example.org/fhir/R4']);
  });

  test('paths name no project when that is switched off', async () => {
    expect((await plane.call({ path: '/p/quay/fhir/R4/metadata' })).status).toBe(404);
  });

  test('tokens name the public base URL of the project', async () => {
    const token = await plane.call({
      method: 'POST',
      path: '/oauth2/token',
      host: 'quay.fhir.test',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: `grant_type=client_credentials&client_id=${project.clientId}&client_secret=${project.clientSecret}`,
    });
    expect((jwt.decode(token.json.access_token) as jwt.JwtPayload).iss).toBe('https://quay.fhir.test/');
  });
});

describe('several data planes', () => {
  let plane: TestPlane;
  let project: TestProject;

  beforeAll(async () => {
    plane = await aDataPlane();
    project = await plane.createProject('quay');
  });

  afterAll(() => plane?.close());

  test('accept each other’s tokens, and a log-out at one ends the session at the other', async () => {
    const second = await startDataPlane(plane.config, createLogger(plane.config, 'data-plane'));
    const authorization = `Bearer ${await plane.token(project)}`;
    const readAt = async (url: string): Promise<number> =>
      (await fetch(`${url}/p/quay/fhir/R4/Patient`, { headers: { authorization } })).status;
    expect([await readAt(plane.url), await readAt(second.url)]).toEqual([200, 200]);
    await plane.call({ method: 'POST', path: '/p/quay/oauth2/logout', headers: { authorization } });
    expect([await readAt(second.url), await readAt(plane.url)]).toEqual([401, 401]);
    await second.close();
    await plane.token(project, true);
  });

  test('write what they have queued before they end', async () => {
    const second = await startDataPlane(plane.config, createLogger(plane.config, 'data-plane'));
    const authorization = `Bearer ${await plane.token(project)}`;
    const answer = await fetch(`${second.url}/p/quay/fhir/R4/Patient`, {
      headers: { authorization, 'x-request-id': 'last-words' },
    });
    await answer.text();
    await second.close();
    const owner = await connectOnce(project.tenantUrl);
    const rows = await owner.query(
      compiledSql({ text: `SELECT entity FROM audit_event WHERE request_id = 'last-words'`, values: [] }),
    );
    await owner.close();
    expect(rows).toEqual([{ entity: 'Patient' }]);
    await expect(fetch(second.url)).rejects.toThrow();
  });

  test('a cluster that answers elsewhere is found again', async () => {
    const { dataSource } = plane;
    const [cluster] = await dataSource.query<{ port: number }[]>('SELECT port FROM cluster');
    // The port of a server that is gone; the row alone changes, as when an embedded server has started anew.
    await dataSource.query('UPDATE cluster SET port = 1');
    const second = await startDataPlane(plane.config, createLogger(plane.config, 'data-plane'));
    await dataSource.query('UPDATE cluster SET port = $1', [cluster?.port]);
    const authorization = `Bearer ${await plane.token(project)}`;
    const deadline = Date.now() + 30_000;
    let status = 0;
    while (status !== 200 && Date.now() < deadline) {
      ({ status } = await fetch(`${second.url}/p/quay/fhir/R4/Patient`, { headers: { authorization } }));
      if (status !== 200) expect(status).toBe(503);
    }
    expect(status).toBe(200);
    await second.close();
  });
});

import { Controller, Get, Module, Post, Body } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { ConfigError, createHttpApp, createLogger, HealthModule, listenOn } from '#platform';
import { connect, createServer, type AddressInfo } from 'node:net';

@Controller('things')
class ThingsController {
  @Get(':id')
  read() {
    return { ok: true };
  }

  @Post()
  create(@Body() body: unknown) {
    return body;
  }
}

let ready: () => Promise<void>;
let app: NestFastifyApplication;
let url: string;
let port: number;

@Module({ imports: [HealthModule.forRoot({ ready: () => ready() })], controllers: [ThingsController] })
class TestModule {}

const options = {
  config: { trustProxy: false as const },
  logger: createLogger({ logLevel: 'silent', logFormat: 'json' }, 'test'),
  app: 'test',
  bodyLimitBytes: 1000,
};

beforeAll(async () => {
  app = await createHttpApp(TestModule, {
    ...options,
    configureFastify: (fastify) => {
      // Stands for tenant routing: it refuses whatever reaches it without a tenant.
      fastify.addHook('onRequest', (request, reply, done) => {
        if (request.headers['x-tenant'] === undefined) void reply.status(404).send({ refused: true });
        else done();
      });
    },
  });
  url = await listenOn(app, '127.0.0.1', 0, 'CONTROL_PORT');
  port = Number(new URL(url).port);
});

beforeEach(() => {
  ready = async () => undefined;
});

afterAll(() => app.close());

const tenant = { 'x-tenant': 'a' };

describe('health', () => {
  test('is answered before the hooks of the app', async () => {
    expect((await fetch(`${url}/things/1`)).status).toBe(404);
    const health = await fetch(`${url}/healthz`);
    expect([health.status, await health.json()]).toEqual([200, { status: 'ok' }]);
  });

  test('readiness follows the app, and does not tell everybody why', async () => {
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    ready = () => Promise.reject(new Error('password=hunter2'));
    const refused = await fetch(`${url}/readyz`);
    expect([refused.status, refused.headers.get('retry-after'), await refused.text()]).toEqual([
      503,
      '1',
      '{"status":"unavailable"}',
    ]);
  });

  test('metrics count requests by the pattern of their route, never by their URL', async () => {
    for (const id of ['one', 'two']) await fetch(`${url}/things/${id}`, { headers: tenant });
    await fetch(`${url}/no/such/route`, { headers: tenant });
    const text = await (await fetch(`${url}/metrics`)).text();
    expect(text).toContain('http_request_duration_seconds_count{method="GET",route="/things/:id",status="2xx"} 2');
    expect(text).toMatch(/http_request_duration_seconds_count\{method="any",route="none",status="4xx"\} \d/);
    expect(text).not.toContain('/things/one');
    expect(text).not.toContain('/no/such');
    expect(text).toContain('process_resident_memory_bytes');
  });

  test('only GET and HEAD of the exact path are health', async () => {
    expect((await fetch(`${url}/healthz`, { method: 'HEAD' })).status).toBe(200);
    expect((await fetch(`${url}/healthz`, { method: 'POST' })).status).toBe(404);
    expect((await fetch(`${url}/healthz/x`)).status).toBe(404);
  });
});

describe('a request', () => {
  test('gets an id back: its own when that is harmless, else a new one', async () => {
    const own = await fetch(`${url}/things/1`, { headers: { ...tenant, 'x-request-id': 'mine-1' } });
    expect(own.headers.get('x-request-id')).toBe('mine-1');
    const other = await fetch(`${url}/things/1`, { headers: { ...tenant, 'x-request-id': 'a b' } });
    expect(other.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('with a body over the limit is answered 413', async () => {
    const post = (length: number) =>
      fetch(`${url}/things`, {
        method: 'POST',
        headers: { ...tenant, 'content-type': 'application/json' },
        body: JSON.stringify({ a: 'x'.repeat(length) }),
      });
    expect((await post(900)).status).toBe(201);
    expect((await post(1000)).status).toBe(413);
  });

  test('with a header of 10 MB is answered 431 and the connection is closed, while others are served', async () => {
    const answer = exchange(`GET /things/1 HTTP/1.1\r\nHost: x\r\nX-Tenant: a\r\nX-Big: `, 'x'.repeat(10_000_000));
    const other = fetch(`${url}/things/1`, { headers: tenant });
    expect(await answer).toMatch(/^HTTP\/1\.1 431 [^]*Connection: close[^]*"status":431/);
    expect((await other).status).toBe(200);
  });

  test('with a header of 15 KB is served', async () => {
    const answer = await fetch(`${url}/things/1`, { headers: { ...tenant, 'x-big': 'x'.repeat(15_000) } });
    expect(answer.status).toBe(200);
  });

  test('that is no HTTP is answered 400 and the connection is closed', async () => {
    expect(await exchange('HELLO\r\n\r\n', '')).toMatch(/^HTTP\/1\.1 400 [^]*"status":400/);
  });
});

describe('trusted proxies', () => {
  test.each([
    [false as const, '127.0.0.1'],
    [1, '10.0.0.2'],
    [2, '10.0.0.1'],
    ['127.0.0.1', '10.0.0.2'],
  ])('with %s the client is %s', async (trustProxy, client) => {
    let seen = '';
    const proxied = await createHttpApp(TestModule, {
      ...options,
      config: { trustProxy },
      configureFastify: (fastify) => {
        fastify.addHook('onRequest', (request, _reply, done) => {
          seen = request.ip;
          done();
        });
      },
    });
    const proxiedUrl = await listenOn(proxied, '127.0.0.1', 0, 'DATA_PORT');
    await fetch(`${proxiedUrl}/things/1`, { headers: { 'x-forwarded-for': '10.0.0.1, 10.0.0.2' } });
    await proxied.close();
    expect(seen).toBe(client);
  });
});

test('a port that is taken is said as the variable to change', async () => {
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
  const second = await createHttpApp(TestModule, options);
  const taken = (holder.address() as AddressInfo).port;
  const outcome: unknown = await listenOn(second, '127.0.0.1', taken, 'DATA_PORT').catch((error: unknown) => error);
  expect(outcome).toBeInstanceOf(ConfigError);
  expect((outcome as ConfigError).message).toMatch(/^DATA_PORT: port \d+ on 127\.0\.0\.1 is in use/);
  await second.close();
  await new Promise((resolve) => holder.close(resolve));
});

test('a client that keeps its connection after a last answer does not hold up the stop', async () => {
  let arrived = (): void => undefined;
  const request = new Promise<void>((resolve) => (arrived = resolve));
  let answer = (): void => undefined;
  const held = new Promise<void>((resolve) => (answer = resolve));
  const other = await createHttpApp(TestModule, {
    ...options,
    configureFastify: (fastify) => {
      fastify.addHook('onRequest', (_request, _reply, done) => {
        arrived();
        void held.then(() => done());
      });
    },
  });
  const otherUrl = await listenOn(other, '127.0.0.1', 0, 'DATA_PORT');
  const client = connect(Number(new URL(otherUrl).port), '127.0.0.1');
  const closed = new Promise<string>((resolve) => client.on('close', () => resolve('the client was let go')));
  client.resume();
  client.write('GET /things/1 HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n');
  await request;
  const stopping = other.close();
  answer();
  await stopping;
  expect(await closed).toBe('the client was let go');
}, 30_000);

test('a client that has opened a connection and said nothing does not hold up the stop', async () => {
  const other = await createHttpApp(TestModule, options);
  const otherUrl = await listenOn(other, '127.0.0.1', 0, 'DATA_PORT');
  const accepted = new Promise((resolve) => other.getHttpServer().once('connection', resolve));
  const client = connect(Number(new URL(otherUrl).port), '127.0.0.1');
  const closed = new Promise<string>((resolve) => client.on('close', () => resolve('the client was let go')));
  client.resume();
  await accepted;
  await other.close();
  expect(await closed).toBe('the client was let go');
}, 10_000);

/** Sends bytes as they are and gives everything that comes back until the server closes. */
function exchange(head: string, rest: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let answer = '';
    socket.on('data', (chunk) => (answer += chunk.toString()));
    socket.on('error', (error) => (answer === '' ? reject(error) : resolve(answer)));
    socket.on('close', () => resolve(answer));
    socket.write(head);
    socket.write(rest);
  });
}

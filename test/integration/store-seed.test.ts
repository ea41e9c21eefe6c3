import { randomUUID } from 'node:crypto';
import {
  findClientCredentials,
  findUserPassword,
  isClientSecret,
  rehearseSeeding,
  seedProject,
  tenantDatabase,
  type ProjectSeed,
} from '#fhir-store';
import { sha256 } from '#platform';
import { sql } from '#postgres';
import { aTenant, parse, type TestTenant } from './store.fixture.js';

let t: TestTenant;
beforeAll(async () => {
  t = await aTenant();
});
afterAll(() => t.close());

const seedOf = (more: Partial<ProjectSeed> = {}): ProjectSeed => ({
  project: { id: t.tenant.projectId, name: 'Quay Clinic' },
  adminClient: {
    clientId: '0199d1f0-0000-7000-8000-000000000001',
    secretSha256: sha256('client secret').toString('hex'),
  },
  owner: { email: 'Ana@Quay.example.org', firstName: 'Ana', lastName: 'Quay', passwordHash: '$hash' },
  ...more,
});
const contents = () => t.rows('SELECT type, fhir_id, version, body FROM resource ORDER BY id');

test('a seeded project has its admin client and its owner, and seeding it again changes nothing', async () => {
  const seeded = await seedProject(t.tenant, seedOf(), 'op_1');
  const before = await contents();
  const epoch = await t.epoch();
  expect(before.map(({ type }) => type)).toEqual([
    'Project',
    'ClientApplication',
    'ProjectMembership',
    'User',
    'Practitioner',
    'ProjectMembership',
  ]);

  const other = seedOf({ adminClient: { ...seedOf().adminClient, secretSha256: sha256('other').toString('hex') } });
  expect(await seedProject(t.tenant, other, 'op_1')).toEqual(seeded);
  expect(await contents()).toEqual(before);
  expect(await t.epoch()).toBe(epoch);

  const found = await findClientCredentials(t.tenant, seeded.clientId);
  expect(isClientSecret('client secret', found)).toBe(true);
  expect(found.memberships).toMatchObject([{ id: seeded.clientMembershipId, admin: true }]);
  expect(await t.tenant.use((connection) => findUserPassword(connection, seeded.owner?.userId ?? ''))).toBe('$hash');

  const repository = await t.repository();
  expect(parse((await repository.read('Project', t.tenant.projectId)).body)).toMatchObject({ name: 'Quay Clinic' });
  expect(parse((await repository.read('User', seeded.owner?.userId ?? '')).body)).toMatchObject({
    email: 'ana@quay.example.org',
  });
  expect(parse((await repository.read('ProjectMembership', seeded.owner?.membershipId ?? '')).body)).toMatchObject({
    admin: true,
    user: { reference: `User/${seeded.owner?.userId}` },
    profile: { reference: `Practitioner/${seeded.owner?.profileId}`, display: 'Ana Quay' },
  });
});

test('a seed that was cut short is completed', async () => {
  const { owner: _, ...withoutOwner } = seedOf();
  const fresh = await aTenant();
  try {
    const project = { id: randomUUID(), name: 'Half' };
    await seedProject(fresh.tenant, { ...withoutOwner, project }, 'op_2');
    await seedProject(fresh.tenant, { ...seedOf(), project, owner: { email: 'solo@example.org' } }, 'op_2');
    expect((await fresh.rows('SELECT type FROM resource ORDER BY id')).map(({ type }) => type)).toEqual([
      'Project',
      'ClientApplication',
      'ProjectMembership',
      'User',
      'Practitioner',
      'ProjectMembership',
    ]);
  } finally {
    await fresh.close();
  }
});

test.each([{ owner: true }, { owner: false }])(
  'what is rehearsed is what seeding runs, with an owner: $owner',
  async ({ owner }) => {
    const spare = await aTenant();
    const connection = await spare.connect();
    const prepared = async () =>
      (await connection.query(sql`SELECT name FROM pg_prepared_statements WHERE name LIKE 'store_insert_many%'`))
        .length;
    await rehearseSeeding(connection);
    expect(await prepared()).toBe(1);
    const tenant = tenantDatabase({
      ...spare.tenant,
      use: (work) => work(connection),
      share: (work) => work(connection),
    });
    const { owner: _owner, ...withoutOwner } = seedOf({ project: { id: tenant.projectId, name: 'Quay Clinic' } });
    await seedProject(tenant, owner ? seedOf({ project: withoutOwner.project }) : withoutOwner, 'op_1');
    expect(await prepared()).toBe(1);
    await connection.close();
    await spare.close();
  },
);

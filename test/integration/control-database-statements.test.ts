/** Statements of the control database that a process runs again and again are prepared, and outlive other releases. */
import type { DataSource } from 'typeorm';
import { openControlDatabase } from '#control-database';
import { aDatabase, type TestDatabase } from '#testing';

let database: TestDatabase;
let source: DataSource;
beforeAll(async () => {
  database = await aDatabase();
  await (await openControlDatabase({ databaseUrl: database.url }, { migrate: true })).destroy();
  source = await openControlDatabase({ databaseUrl: database.url }, { migrate: false, maxConnections: 1 });
  await source.query('CREATE TABLE box (id int, size int)');
  await source.query('INSERT INTO box VALUES (1, 10)');
});
afterAll(async () => {
  await source.destroy();
  await database.drop();
});

const one = 'SELECT size FROM box WHERE id = $1';
const whole = 'SELECT * FROM box WHERE id = $1';
const ask = (text: string): Promise<object[]> => source.query<object[]>(text, [1]);

async function askOften(text: string): Promise<void> {
  for (let time = 0; time < 10; time++) expect(await ask(text)).toMatchObject([{ size: 10 }]);
}

async function prepared(): Promise<string[]> {
  const rows = await source.query<{ statement: string }[]>(
    'SELECT statement FROM pg_prepared_statements WHERE statement = ANY ($1)',
    [[one, whole]],
  );
  return rows.map(({ statement }) => statement);
}

test('those that name their columns are prepared', async () => {
  await askOften(one);
  await askOften(whole);
  expect(await prepared()).toEqual([one]);
});

test('a column that another release has added fails none', async () => {
  await source.query('ALTER TABLE box ADD COLUMN colour text');
  expect(await ask(one)).toEqual([{ size: 10 }]);
  expect(await ask(whole)).toEqual([{ id: 1, size: 10, colour: null }]);
});

test('a column of another type fails one, and its connection is not used again', async () => {
  await source.query('ALTER TABLE box ALTER COLUMN size TYPE text');
  await expect(ask(one)).rejects.toThrow('cached plan must not change result type');
  expect(await ask(one)).toEqual([{ size: '10' }]);
});

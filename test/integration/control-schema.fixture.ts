/** Control databases that tests make, with the newest schema. */
import { openControlDatabase } from '#control-database';
import { aDatabase, templateOnce, type TestDatabase } from '#testing';

export async function aControlDatabase(): Promise<TestDatabase> {
  const template = await templateOnce('control_template', async (databaseUrl) => {
    await (await openControlDatabase({ databaseUrl }, { migrate: true })).destroy();
  });
  return aDatabase(template);
}

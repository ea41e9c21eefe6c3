/** Rights that are taken away while a session is warm, perhaps through another process. */
import type { JsonObject } from '#fhir';
import { compiledSql } from '#postgres';
import { send } from './http.js';
import type { Leak } from './probe.js';
import { asAdmin, type Place, type World } from './world.js';

/**
 * Deactivates the crawling member through `elsewhere`, asks as that member at `here`, and makes the membership active
 * again. Both are places of the world's first project.
 */
export async function crawlRevocation({ full }: World, here: Place, elsewhere: Place): Promise<Leak[]> {
  const ask = () =>
    send(here.base, 'fhir/R4/Patient?_count=1', { headers: { authorization: `Bearer ${here.memberToken}` } });
  const before = await ask();
  const id = await crawlerMembership(full.database);
  await change(elsewhere, id, (membership) => ({ ...membership, active: false }));
  const after = await ask();
  await change(elsewhere, id, ({ active: _active, ...membership }) => membership);
  if (before.status === 200 && after.status === 401) return [];
  const problem = `status ${before.status} before, and ${after.status} after the membership was deactivated`;
  return [{ family: 'revocation', request: 'GET fhir/R4/Patient?_count=1', problem }];
}

async function change(place: Place, id: string, edit: (membership: JsonObject) => JsonObject): Promise<void> {
  const path = `fhir/R4/ProjectMembership/${id}`;
  const { text } = await asAdmin(place, path);
  const headers = { 'content-type': 'application/fhir+json' };
  await asAdmin(place, path, { method: 'PUT', headers, body: JSON.stringify(edit(JSON.parse(text) as JsonObject)) });
}

async function crawlerMembership(database: World['full']['database']): Promise<string> {
  const text = `SELECT fhir_id AS id FROM resource WHERE type = 'ProjectMembership' AND body LIKE '%member@crawl.example%'`;
  const [row] = await database.query<{ id: string }>(compiledSql({ text, values: [] }));
  if (row === undefined) throw new Error('There is no membership of the crawler.');
  return row.id;
}

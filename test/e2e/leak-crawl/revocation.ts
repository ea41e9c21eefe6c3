/** Rights that are taken away while a session is warm, perhaps through another process. */
import type { JsonObject } from '#fhir';
import { compiledSql } from '#postgres';
import { send } from './http.js';
import type { Leak } from './probe.js';
import { asAdmin, crawler, type Place, type World } from './world.js';

const path = 'fhir/R4/Patient?_count=1';

/** A way to take rights away, and how what is asked next must be answered. */
interface Revocation {
  readonly name: string;
  readonly status: number;
  /** Takes the rights of the token away through that place, and says how they are given back, if they can be. */
  readonly revoke: (elsewhere: Place, token: string) => Promise<(() => Promise<void>) | undefined>;
}

/**
 * Takes the rights of the crawling member away through `elsewhere`, in each way there is, and asks at `here` before and
 * right after. Both are places of the world's first project; it is left as it was.
 */
export async function crawlRevocation({ full }: World, here: Place, elsewhere: Place): Promise<Leak[]> {
  const leaks: Leak[] = [];
  for (const { name, status, revoke } of await revocations(full.database)) {
    const token = await full.logIn(new URL(here.base).origin, crawler.email);
    const ask = () => send(here.base, path, { headers: { authorization: `Bearer ${token}` } });
    const before = await ask();
    const restore = await revoke(elsewhere, token);
    const after = await ask();
    await restore?.();
    if (before.status === 200 && after.status === status) continue;
    const problem = `status ${before.status} before, and ${after.status} after ${name}`;
    leaks.push({ family: 'revocation', request: `GET ${path}`, problem });
  }
  return leaks;
}

async function revocations(database: World['full']['database']): Promise<Revocation[]> {
  const [membership] = await addressesOf(database, 'ProjectMembership', `%${crawler.email}%`);
  const [policy] = await addressesOf(database, 'AccessPolicy', '%"name":"Clinic"%');
  if (membership === undefined || policy === undefined) throw new Error('There is no membership of the crawler.');
  return [
    {
      name: 'the membership was deactivated',
      status: 401,
      revoke: (elsewhere) => changed(elsewhere, membership, (stored) => ({ ...stored, active: false })),
    },
    {
      name: 'patients were taken out of the policy',
      status: 403,
      revoke: (elsewhere) =>
        changed(elsewhere, policy, ({ resource, ...stored }) => ({
          ...stored,
          resource: (resource as JsonObject[]).filter(({ resourceType }) => resourceType !== 'Patient'),
        })),
    },
    {
      name: 'logging out',
      status: 401,
      revoke: async (elsewhere, token) => {
        const headers = { authorization: `Bearer ${token}` };
        const { status, text } = await send(elsewhere.base, 'oauth2/logout', { method: 'POST', headers });
        if (status !== 200) throw new Error(`oauth2/logout: ${status} ${text}`);
        return undefined;
      },
    },
  ];
}

/** Changes the resource as its administrator does; gives what puts it back. */
export async function changed(
  place: Place,
  address: string,
  edit: (stored: JsonObject) => JsonObject,
): Promise<() => Promise<void>> {
  const path = `fhir/R4/${address}`;
  const headers = { 'content-type': 'application/fhir+json' };
  const put = async (body: string): Promise<void> => {
    await asAdmin(place, path, { method: 'PUT', headers, body });
  };
  const { text } = await asAdmin(place, path);
  await put(JSON.stringify(edit(JSON.parse(text) as JsonObject)));
  return () => put(text);
}

/** `Type/id` of the resources of the type whose text is like that. */
export async function addressesOf(database: World['full']['database'], type: string, like: string): Promise<string[]> {
  const text = `SELECT type || '/' || fhir_id AS address FROM resource WHERE type = $1 AND body LIKE $2 AND NOT deleted`;
  const rows = await database.query<{ address: string }>(compiledSql({ text, values: [type, like] }));
  return rows.map(({ address }) => address);
}

/**
 * What is answered later belongs to whoever asked for it, as long as their rights are what they were. Here the other side
 * asks for an export and for a Bundle, and those come for the answers who must not have them.
 */
import { send, type Call } from './http.js';
import { secretsIn } from './canaries.js';
import { answeredLater, filesOf } from './later-answers.js';
import { judgeAnswers, type Judged, type Leak } from './probe.js';
import { addressesOf, changed } from './revocation.js';
import { ours } from './samples-of-sides.js';
import { inVersion, limitedAdmin, theirMember, type Place, type World } from './world.js';

const family = 'job';

/** Where the answers of the other side are, below the project's base URL. */
interface TheirAnswers {
  /** At which each request is followed, and can be cancelled. */
  readonly jobs: readonly string[];
  readonly files: readonly string[];
}

/** Somebody, and how they must be answered. */
interface Visitor {
  readonly who: string;
  readonly token?: string;
  readonly status: number;
}

/** Asks for what the other side was answered, as everybody who must not have it. */
export async function crawlJobs({ full: { database, logIn } }: World, full: Place): Promise<Judged> {
  const leaks: Leak[] = [];
  const statuses: number[] = [];
  const visit = async ({ who, token, status }: Visitor, path: string, call: Call = {}): Promise<void> => {
    const authorization = token === undefined ? undefined : { authorization: `Bearer ${token}` };
    const answer = await send(full.base, path, { ...call, headers: { 'x-medplum': 'extended', ...authorization } });
    const request = `${call.method ?? 'GET'} ${path} (${who})`;
    const answered = { answer, place: full };
    const problems = judgeAnswers({ family, path, expect: [status] }, request, answered, answered);
    leaks.push(...problems.map((problem) => ({ family, request, problem })));
    statuses.push(answer.status);
  };
  const url = new URL(full.base).origin;
  const member = { who: 'the crawler', token: full.memberToken, status: 404 };
  const admin = { who: 'an administrator with a policy', token: await logIn(url, limitedAdmin), status: 403 };
  const scoped = { who: 'an app of theirs', token: await logIn(url, theirMember, 'user/Observation.rs'), status: 404 };
  const nobody = { who: 'nobody', status: 401 };
  const { jobs, files } = await askAsTheirs(full);

  for (const visitor of [member, admin, scoped, nobody]) {
    for (const address of [...jobs, ...files]) {
      await visit(visitor, address);
      await visit(visitor, address, { method: 'HEAD' });
    }
  }
  // An administrator may cancel what they may not see.
  for (const visitor of [member, scoped, nobody]) {
    for (const address of jobs) await visit(visitor, address, { method: 'DELETE' });
  }
  for (const address of jobs.map(asOtherKind)) await visit(member, address);

  const starter = { who: 'they themselves', token: full.theirToken };
  const [membership = ''] = await addressesOf(database, 'ProjectMembership', `%${theirMember}%`);
  const restore = await changed(full, membership, ({ access, ...stored }) => ({
    ...stored,
    access: JSON.parse(JSON.stringify(access).replaceAll(/Organization\/[\w-]+/g, ours)) as typeof access,
  }));
  for (const address of [...jobs, ...files]) await visit({ ...starter, status: 403 }, address);
  await restore();
  if (leaks.length === 0) await assertTheirs(full, [...jobs.slice(1), ...files]);
  await removeAll(full, jobs);
  return { statuses, leaks };
}

/** What the other side's member asks for, and gets. */
async function askAsTheirs(full: Place): Promise<TheirAnswers> {
  const asked = (path: string, call: Call = {}) => answeredLater(full, full.theirToken, path, call);
  const exported = await asked('fhir/R4/$export?_type=Patient,Observation');
  const entry = ['Patient?_count=50', 'Observation?_count=50'].map((url) => ({ request: { method: 'GET', url } }));
  const bundle = await asked('fhir/R4', {
    method: 'POST',
    headers: { 'content-type': 'application/fhir+json' },
    body: inVersion(full, JSON.stringify({ resourceType: 'Bundle', type: 'batch', entry })),
  });
  const jobs = [exported, bundle].map(({ answer, address }) => {
    if (answer.status !== 200 || address === undefined) throw new Error(`${answer.status} ${answer.text}`);
    return address;
  });
  const files = filesOf(full, exported.answer).map(({ address }) => address);
  await assertTheirs(full, [...jobs.slice(1), ...files]);
  return { jobs, files };
}

/** Throws unless whoever asked for them gets the answers, with the secrets that others must not see. */
async function assertTheirs(full: Place, addresses: readonly string[]): Promise<void> {
  for (const address of addresses) {
    const { status, text } = await send(full.base, address, {
      headers: { authorization: `Bearer ${full.theirToken}` },
    });
    if (status !== 200 || secretsIn(text).length === 0) throw new Error(`${address}: ${status} ${text.slice(0, 300)}`);
  }
}

/** The same job where those of the other kind are followed. */
const asOtherKind = (address: string): string =>
  address.includes('bulkdata/export/')
    ? address.replace(/bulkdata\/export\/([^/]+)/, 'job/$1/status')
    : address.replace(/job\/([^/]+)\/status/, 'bulkdata/export/$1');

/** A member may keep only so many. */
async function removeAll(full: Place, jobs: readonly string[]): Promise<void> {
  for (const address of jobs) {
    await send(full.base, address, { method: 'DELETE', headers: { authorization: `Bearer ${full.theirToken}` } });
  }
}

/** A request of the crawl, and what is wrong with its answer. */
import { secretsIn } from './canaries.js';
import { send, type Answer, type Call } from './http.js';
import { inVersion, type Place } from './world.js';

export interface Probe extends Call {
  /** What part of the server it is after: `include`, `history`, … */
  readonly family: string;
  /** Below the project's base URL. */
  readonly path: string;
  /**
   * True when it names a resource of the other side by its id. The one that names it may learn that it is there: 403 where
   * the project without it says 404.
   */
  readonly namesTheirs?: boolean;
  /** The statuses that alone are right; otherwise what the project without the other side answers is right. */
  readonly expect?: readonly number[];
  /** True when the answer has links to further pages, all of which are followed. */
  readonly pages?: boolean;
  /** With whose token; the member's unless it says otherwise. */
  readonly as?: 'nobody';
}

export interface Leak {
  readonly family: string;
  readonly request: string;
  readonly problem: string;
}

/** What came of a part of the crawl: the statuses of its answers, and what they tell. */
export interface Judged {
  readonly statuses: readonly number[];
  readonly leaks: readonly Leak[];
}

/** How many pages are followed: more than anything of the crawler has. */
const maxPages = 40;

/**
 * Sends the probe to both projects and says what tells the crawler something that only the first one holds; with the
 * status of the first answer.
 */
export async function judgeProbe(
  probe: Probe,
  full: Place,
  alone: Place,
): Promise<{ leaks: readonly Leak[]; status: number }> {
  const leaks: Leak[] = [];
  let status = 0;
  let paths = { full: probe.path, alone: probe.path };
  for (let page = 1; page <= (probe.pages === true ? maxPages : 1); page++) {
    const [answer, other] = await Promise.all([ask(full, probe, paths.full), ask(alone, probe, paths.alone)]);
    if (page === 1) status = answer.status;
    const request = `${probe.method ?? 'GET'} ${paths.full} ${probe.body ?? ''}`;
    const problems = judgeAnswers(probe, request, { answer, place: full }, { answer: other, place: alone });
    leaks.push(...problems.map((problem) => ({ family: probe.family, request: request.slice(0, 600), problem })));
    const next = { full: nextOf(full, answer), alone: nextOf(alone, other) };
    if (leaks.length > 0 || next.full === undefined || next.alone === undefined) break;
    paths = { full: next.full, alone: next.alone };
  }
  return { leaks, status };
}

function ask(place: Place, { as, method, headers, body }: Probe, path: string): Promise<Answer> {
  const standard: Record<string, string> = { 'x-medplum': 'extended' };
  if (as !== 'nobody') standard['authorization'] = `Bearer ${place.memberToken}`;
  if (body !== undefined) standard['content-type'] = 'application/fhir+json';
  // What names the project itself is meant for each of the two.
  const toPlace = (text: string) => inVersion(place, text).replaceAll('{project}', place.projectId);
  return send(place.base, toPlace(path), {
    ...(method === undefined ? {} : { method }),
    headers: { ...standard, ...headers },
    ...(body === undefined ? {} : { body: toPlace(body) }),
  });
}

interface Answered {
  readonly answer: Answer;
  readonly place: Place;
}

/** What answers to the same request in both projects tell of what only the first one holds. */
export function judgeAnswers(probe: Probe, request: string, full: Answered, alone: Answered): string[] {
  const { answer } = full;
  const problems: string[] = [];
  if (answer.status >= 500) problems.push(`status ${answer.status}: ${answer.text.slice(0, 300)}`);
  const asked = `${request} ${Object.values(probe.headers ?? {}).join(' ')}`;
  const secrets = secretsIn(`${JSON.stringify(answer.headers)} ${answer.text}`, asked);
  if (secrets.length > 0) problems.push(`shows ${secrets.slice(0, 5).join(' ')}`);
  const { status } = answer;
  if (probe.expect !== undefined) {
    if (!probe.expect.includes(status)) problems.push(`status ${status}: ${answer.text.slice(0, 300)}`);
    return problems;
  }
  const isToldApart = status !== alone.answer.status && !(probe.namesTheirs === true && status === 403);
  if (isToldApart) problems.push(`status ${status}, without the other side ${alone.answer.status}`);
  if (status === alone.answer.status) {
    const [shown, expected] = [full, alone].map((answered) => comparable(answered, probe.namesTheirs === true));
    if (shown !== expected) problems.push(difference(shown ?? '', expected ?? ''));
  }
  return problems;
}

/** The body of an answer without what differs between any two projects, and from moment to moment. */
function comparable({ answer: { text }, place }: Answered, namesTheirs: boolean): string {
  const plain = text
    .replaceAll(place.base, '/')
    .replaceAll(place.slug, 'slug')
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '*')
    .replace(/"(versionId|lastUpdated|lastModified|authTime|timestamp)":"[^"]*"/g, '"$1":"*"')
    .replace(/_history\/\d+/g, '_history/*')
    .replace(/W\/(\\?)"\d+\\?"/g, 'W/*')
    .replace(/_cursor=[\w-]+/g, '_cursor=*')
    .replace(/signature=[\w.-]+/g, 'signature=*')
    .replace(/"(first|previous|next|last)":"[^"]*"/g, '"$1":"*"')
    .replace(/"(access_token|id_token|refresh_token)":"[^"]*"/g, '"$1":"*"');
  return namesTheirs && plain.startsWith('{') ? JSON.stringify(JSON.parse(plain, sameRefusal)) : plain;
}

const refusals: readonly unknown[] = ['forbidden', 'not-found', 'Forbidden', 'Not found', '403', '404'];

/** What names something of the other side may be told that it is refused instead of that it is not there. */
function sameRefusal(name: string, value: unknown): unknown {
  return ['id', 'code', 'text', 'message', 'status'].includes(name) && refusals.includes(value) ? 'refused' : value;
}

function difference(shown: string, expected: string): string {
  let at = 0;
  while (at < shown.length && shown[at] === expected[at]) at++;
  const around = (text: string) => text.slice(Math.max(0, at - 120), at + 120);
  return `differs from what it is without the other side: …${around(shown)}… instead of …${around(expected)}…`;
}

/** The path of the next page, below the base URL of the place. */
function nextOf({ base }: Place, { status, text }: Answer): string | undefined {
  if (status !== 200 || !text.startsWith('{"resourceType":"Bundle"')) return undefined;
  const { link = [] } = JSON.parse(text) as { link?: { relation: string; url: string }[] };
  const url = link.find(({ relation }) => relation === 'next')?.url;
  return url?.startsWith(base) === true ? url.slice(base.length) : undefined;
}

/** Requests that are answered later. */
import { send, type Answer, type Call } from './http.js';
import { inVersion, type Place } from './world.js';

/** The answer at the end, and where it is asked for; a request that was not accepted has no such address. */
export interface LaterAnswer {
  readonly answer: Answer;
  /** Below the project's base URL. */
  readonly address?: string;
}

/** Sends the request, which is to be answered later, with `token`, and asks until it is. */
export async function answeredLater(place: Place, token: string, path: string, call: Call): Promise<LaterAnswer> {
  const headers = { authorization: `Bearer ${token}`, 'x-medplum': 'extended' };
  const accepted = await send(place.base, inVersion(place, path), {
    ...call,
    headers: { ...headers, ...call.headers, prefer: 'respond-async' },
  });
  if (accepted.status !== 202) return { answer: accepted };
  const address = belowBase(place, String(accepted.headers['content-location']));
  let answer = accepted;
  while (answer.status === 202) answer = await send(place.base, address, { headers });
  return { answer, address };
}

/** The files that the manifest of an export names: their addresses below the project's base URL. */
export function filesOf(place: Place, manifest: Answer): { type: string; address: string; count: number }[] {
  const { output } = JSON.parse(manifest.text) as { output: { type: string; url: string; count: number }[] };
  return output.map(({ type, url, count }) => ({ type, address: belowBase(place, url), count }));
}

const belowBase = ({ base }: Place, url: string): string => url.slice(base.length);

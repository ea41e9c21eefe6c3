import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { WorkQueue } from './work-queue.js';

/**
 * Passwords that people choose, hashed with scrypt (RFC 7914). N = 2^15, r = 8, p = 3 is one of the settings that the
 * OWASP password storage cheat sheet names as equal: 32 MiB per hash. The text form is
 * `$scrypt$ln=15,r=8,p=3$<salt>$<hash>`, so that a later release can raise the cost and still verify old hashes.
 */
const cost = { ln: 15, r: 8, p: 3 };
const hashLength = 32;
const saltLength = 16;

/**
 * Of the process: two threads of libuv and 64 MiB at most, so that floods of log-ins neither stop everything else that
 * needs a thread nor eat up the memory. Each project has a line of its own, in which who waits longest waits about four
 * seconds, and as many times that as there are projects with a line.
 */
const hashing = new WorkQueue({ atOnce: 2, waitingPerKey: 32, waiting: 512, retryAfterSeconds: 5 });

const derive = promisify<string, Buffer, number, { N: number; r: number; p: number; maxmem: number }, Buffer>(scrypt);

/**
 * Hashes a password with a fresh salt. Takes some 200 ms of one libuv thread, none of the event loop. `line` says who waits
 * when others are at it: the id of the project, or another word for what is no project's. Throws a DomainError
 * `too-many-requests` when too many hashes are waited for already, as `verifyPassword` does.
 */
export async function hashPassword(password: string, line: string): Promise<string> {
  const salt = randomBytes(saltLength);
  const hash = await compute(password, salt, cost, line);
  return `$scrypt$ln=${cost.ln},r=${cost.r},p=${cost.p}$${encode(salt)}$${encode(hash)}`;
}

/**
 * Whether `password` is the one that was hashed. With no hash (an unknown user) or an unreadable one the same work is
 * done and the answer is false, so that the time taken does not tell whether an account exists. `line` as with `hashPassword`.
 */
export async function verifyPassword(password: string, hash: string | undefined, line: string): Promise<boolean> {
  const stored = hash === undefined ? undefined : parse(hash);
  if (stored === undefined) {
    await compute(password, Buffer.alloc(saltLength), cost, line);
    return false;
  }
  return timingSafeEqual(await compute(password, stored.salt, stored.cost, line), stored.hash);
}

function compute(password: string, salt: Buffer, { ln, r, p }: typeof cost, line: string): Promise<Buffer> {
  const N = 2 ** ln;
  return hashing.run(line, () =>
    derive(password.normalize('NFKC'), salt, hashLength, { N, r, p, maxmem: 256 * N * r }),
  );
}

function parse(text: string): { cost: typeof cost; salt: Buffer; hash: Buffer } | undefined {
  const match = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/.exec(text);
  if (!match) return undefined;
  const [, ln, r, p, salt, hash] = match as unknown as [string, string, string, string, string, string];
  const stored = {
    cost: { ln: +ln, r: +r, p: +p },
    salt: Buffer.from(salt, 'base64'),
    hash: Buffer.from(hash, 'base64'),
  };
  return stored.hash.length === hashLength ? stored : undefined;
}

function encode(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}

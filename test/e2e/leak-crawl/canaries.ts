/**
 * Texts that must never be seen by the other side. Each is one word of lower case letters and digits, so that it survives
 * what a server does to texts: case, percent-encoding, splitting into words, JSON.
 */

/**
 * Whose secret a word is. Words that start with another one's mark are nobody's. So long that none occurs by chance among
 * the random characters of cursors, tokens and signatures, of which a crawl reads a million.
 */
export const marks = { theirs: 'kqzbvw0', hidden: 'kqzhvw0', foreign: 'kqzfvw0' } as const;
export type Secret = keyof typeof marks;

/** The years in which all dates of a secret lie: dates cannot hold words. */
export const secretYears: Readonly<Record<Secret, string>> = { theirs: '1871', hidden: '1872', foreign: '1873' };

const words = new RegExp(`(?:${Object.values(marks).join('|')})[0-9a-z]*`, 'gi');
/** Not what stands in the middle of a uuid. */
const dates = new RegExp(`(?<![\\w-])(?:${Object.values(secretYears).join('|')})-[01]\\d(?:-[0-3]\\d)?`, 'g');

/** Base64 of a word's start looks in three ways, by where in a group of three bytes it stands. */
const encoded = Object.values(marks).flatMap((mark) =>
  [0, 1, 2].map((shift) => {
    const text = Buffer.from(`${'\0'.repeat(shift)}${mark}000`).toString('base64');
    // Only the characters that depend on the start alone.
    return text.slice(shift === 0 ? 0 : shift + 1, Math.floor(((shift + mark.length) * 4) / 3));
  }),
);

/** Makes words of one mark, each another one. */
export class Canaries {
  private made = 0;

  constructor(private readonly mark: string) {}

  next(): string {
    return `${this.mark}${(++this.made).toString(36).padStart(4, '0')}x`;
  }
}

/**
 * The secrets in an answer that were not in the request: a server may repeat what it was asked, whole or shortened, and
 * tells nothing by that.
 */
export function secretsIn(answer: string, request = ''): string[] {
  const asked = secretsOf(safelyDecoded(request)).join(' ');
  return [...new Set(secretsOf(answer))].filter((secret) => !asked.includes(secret));
}

function secretsOf(text: string): string[] {
  const plain = [...text.matchAll(words), ...text.matchAll(dates)].map(([word]) => word.toLowerCase());
  return [...plain, ...encoded.filter((part) => text.includes(part))];
}

function safelyDecoded(text: string): string {
  return text.replace(/(?:%[0-9A-Fa-f]{2})+/g, (escapes) => Buffer.from(escapes.replaceAll('%', ''), 'hex').toString());
}

/** Whether a secret that `secretsIn` has found is of that kind. */
export const isOf = (secret: string, kind: Secret): boolean =>
  secret.startsWith(marks[kind]) || secret.startsWith(secretYears[kind]);

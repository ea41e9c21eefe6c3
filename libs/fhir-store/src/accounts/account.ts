/**
 * Accounts: the organizations (or whatever else divides a project) under which a resource is filed. They stand in
 * `meta.accounts` of the stored body, always at the same place, so that they are read without parsing the body.
 */
import { badRequest, isJsonObject, type JsonValue } from '#fhir';

export interface Account {
  /** `Organization/1`. */
  readonly reference: string;
  readonly display?: string;
}

/** A list that somebody sends may be so long; policies and lists of patients stay far below. */
const maxAccounts = 100;
const maxDisplay = 255;
/** Half of `accountsPrefix`, in which the accounts of a patient must have room as they are written. */
const maxText = 32_768;
/** Control characters, and halves of characters: written down they take six times their length. */
const unwritable = /[\p{Cc}\p{Cs}]/u;

const referenceForm = /^[A-Z][A-Za-z]{0,63}\/[A-Za-z0-9\-.]{1,64}$/;

/** The accounts that the query of a create names: `_account=Organization/1`, several behind commas or by several parameters. */
export function accountsInQuery(query: string): { accounts?: readonly string[] } {
  const named = new URLSearchParams(query).getAll('_account').flatMap((value) => value.split(','));
  const accounts = named.filter((reference) => reference !== '');
  return accounts.length === 0 ? {} : { accounts };
}

/**
 * The accounts that `sent` names, each once, in order. Throws 400, naming `expression`, for anything but a list of at most
 * 100 references of the form `Type/id` with short displays; `localReference` makes those that are written in full relative.
 */
export function readAccounts(
  sent: JsonValue,
  localReference: (reference: string) => string,
  expression: string,
): Account[] {
  if (!Array.isArray(sent)) throw malformed(expression, 'must be a list of references');
  assertFewAccounts(sent, expression);
  const accounts = distinctAccounts(
    sent.map((item) => {
      const { reference, display } = isJsonObject(item) ? item : {};
      const local = typeof reference === 'string' ? localReference(reference) : '';
      if (!referenceForm.test(local)) throw malformed(expression, "must have references of the form 'Type/id'");
      if (display === undefined) return { reference: local };
      if (typeof display !== 'string' || display === '' || display.length > maxDisplay) {
        throw malformed(expression, `may have displays of ${maxDisplay} characters at most`);
      }
      if (unwritable.test(display)) throw malformed(expression, 'may have displays without control characters only');
      return { reference: local, display };
    }),
  );
  if (accountsMember(accounts).length > maxText) throw malformed(expression, 'has displays that are too long together');
  return accounts;
}

/** Throws 400 for more accounts than a list that somebody sends may have. */
export function assertFewAccounts(accounts: readonly unknown[], expression: string): void {
  if (accounts.length > maxAccounts) throw malformed(expression, `may have ${maxAccounts} references at most`);
}

/** The references in a list that may be malformed, of which only what is a reference is wanted. */
export function namedAccounts(sent: JsonValue | undefined, localReference: (reference: string) => string): string[] {
  if (!Array.isArray(sent)) return [];
  return sent.flatMap((item) =>
    isJsonObject(item) && typeof item.reference === 'string' ? [localReference(item.reference)] : [],
  );
}

const malformed = (expression: string, demand: string) =>
  badRequest(`${expression} ${demand}`, { code: 'value', expression: [expression] });

/** Each account once, as it stands first. */
export function distinctAccounts(accounts: Iterable<Account>): Account[] {
  const byReference = new Map<string, Account>();
  for (const account of accounts) if (!byReference.has(account.reference)) byReference.set(account.reference, account);
  return [...byReference.values()];
}

/** The text of the member of `meta`; empty for no accounts. */
export const accountsMember = (accounts: readonly Account[]): string =>
  accounts.length === 0 ? '' : `"accounts":${JSON.stringify(accounts)}`;

const lastUpdated = '","lastUpdated":"';
const instantLength = '2026-11-21T04:10:12.345Z"'.length;
const member = ',"accounts":';
/** What `accountsMember` writes: objects whose members are strings. */
const list = /\[(?:\{(?:"(?:[^"\\]|\\.)*"[:,]?)+\},?)+\]/y;

/** So many characters at the start of a body hold its accounts in any case. */
export const accountsPrefix = 65_536;

/** The accounts of a stored body, or of its first `accountsPrefix` characters; none for the empty body of a deletion. */
export function storedAccounts(body: string): Account[] {
  // Neither a type nor an id can hold a quote, so the first such text is the one in `meta`.
  const at = body.indexOf(lastUpdated) + lastUpdated.length + instantLength;
  if (!body.startsWith(member, at)) return [];
  list.lastIndex = at + member.length;
  const text = list.exec(body)?.[0];
  if (text === undefined)
    throw new Error('The accounts of a stored body are not in the form in which they are written.');
  return JSON.parse(text) as Account[];
}

/** What the accounts are, without their displays. */
export const referencesOf = (accounts: readonly Account[]): string[] => accounts.map(({ reference }) => reference);

/** Whether both lists have the same references, in whatever order. */
export function sameReferences(one: readonly string[], other: readonly string[]): boolean {
  const set = new Set(one);
  return set.size === new Set(other).size && other.every((reference) => set.has(reference));
}

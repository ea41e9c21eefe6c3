import { OutcomeError, readResource } from '#fhir';
import { bodyHead, bodyTail } from '#fhir';
import {
  accountsMember,
  accountsPrefix,
  distinctAccounts,
  readAccounts,
  sameReferences,
  storedAccounts,
  type Account,
} from './account.js';

const localReference = (reference: string) => reference.replace('https://own.example/fhir/', '');

/** A body as drafts make it. */
function bodyWith(accounts: readonly Account[], resource: object): string {
  const text = readResource(JSON.stringify(resource));
  const metaMembers = [accountsMember(accounts), text.metaMembers].filter(Boolean).join(',');
  return `${bodyHead(text.resourceType, 'p1')}7","lastUpdated":"2026-11-21T04:10:12.345Z"${bodyTail({ ...text, metaMembers })}`;
}

describe('the accounts of a stored body', () => {
  it.each([
    ['none', []],
    ['one', [{ reference: 'Organization/a' }]],
    ['several with displays', [{ reference: 'Organization/a', display: 'A' }, { reference: 'Practitioner/b' }]],
    [
      'displays that look like the end',
      [{ reference: 'Organization/a', display: 'x"}],"accounts":[{' }, { reference: 'B/2' }],
    ],
    [
      'displays with backslashes',
      [
        { reference: 'Organization/a', display: 'x\\' },
        { reference: 'B/2', display: '\\"' },
      ],
    ],
  ] satisfies [string, Account[]][])('are read back as they were written: %s', (_, accounts) => {
    const body = bodyWith(accounts, {
      resourceType: 'Patient',
      meta: { tag: [{ code: 't' }] },
      name: [{ text: '","lastUpdated":"2026-11-21T04:10:12.345Z","accounts":[{"reference":"Organization/forged"}]' }],
    });
    expect(storedAccounts(body)).toEqual(accounts);
    expect(storedAccounts(body.slice(0, 600))).toEqual(accounts);
  });

  it('are not what another member of the body says', () => {
    const forged = bodyWith([], { resourceType: 'Basic', accounts: [{ reference: 'Organization/forged' }] });
    expect(storedAccounts(forged)).toEqual([]);
  });

  it('are none in the empty body of a deletion', () => {
    expect(storedAccounts('')).toEqual([]);
  });
});

const displays = (count: number, display: string) =>
  Array.from({ length: count }, (_, index) => ({
    reference: `${'O'.repeat(64)}/${'i'.repeat(61)}${100 + index}`,
    display,
  }));

it('accounts with the longest displays that may be sent are in the part of a body that is read for them', () => {
  const quotes = (length: number) => displays(100, '"'.repeat(length));
  const accepted = (length: number): boolean => {
    try {
      return readAccounts(quotes(length), localReference, 'x').length === 100;
    } catch {
      return false;
    }
  };
  const longest = Array.from({ length: 255 }, (_, index) => 255 - index).find(accepted) ?? 0;
  expect(longest).toBeGreaterThan(50);
  const body = bodyWith(quotes(longest), { resourceType: 'Patient', name: [{ text: 'x'.repeat(accountsPrefix) }] });
  expect(storedAccounts(body.slice(0, accountsPrefix))).toHaveLength(100);
});

describe('accounts that are sent', () => {
  it('are references, each once, and local ones in their short form', () => {
    const sent = [
      { reference: 'Organization/a', display: 'A', type: 'Organization' },
      { reference: 'https://own.example/fhir/Organization/b' },
      { reference: 'Organization/a' },
    ];
    expect(readAccounts(sent, localReference, 'x')).toEqual([
      { reference: 'Organization/a', display: 'A' },
      { reference: 'Organization/b' },
    ]);
  });

  it.each([
    ['no list', { reference: 'Organization/a' }],
    ['text', ['Organization/a']],
    ['a reference without a type', [{ reference: 'a' }]],
    ['a reference to elsewhere', [{ reference: 'https://other.example/fhir/Organization/a' }]],
    ['a versioned reference', [{ reference: 'Organization/a/_history/1' }]],
    ['a logical reference', [{ identifier: { value: '1' } }]],
    ['a display that is no text', [{ reference: 'Organization/a', display: 1 }]],
    ['a very long display', [{ reference: 'Organization/a', display: 'x'.repeat(256) }]],
    ['a display with control characters', ['\n', '\u0000', '\u009f'].map((display) => ({ reference: 'A/1', display }))],
    ['a display with half a character', [{ reference: 'A/1', display: 'x\ud83d' }]],
    ['displays that are too long together', displays(100, '"'.repeat(255))],
    ['too many', Array.from({ length: 101 }, (_, index) => ({ reference: `Organization/${index}` }))],
  ])('are refused with 400 when they are %s', (_, sent) => {
    expect(() => readAccounts(sent, localReference, 'Patient.meta.accounts')).toThrow(OutcomeError);
  });
});

it('accounts are distinct by their references, the first of several counts', () => {
  const accounts = [{ reference: 'A/1', display: 'one' }, { reference: 'A/2' }, { reference: 'A/1' }];
  expect(distinctAccounts(accounts)).toEqual([{ reference: 'A/1', display: 'one' }, { reference: 'A/2' }]);
});

it('lists of references are the same in any order and however often one is said', () => {
  expect(sameReferences(['a', 'b', 'a'], ['b', 'a'])).toBe(true);
  expect(sameReferences(['a'], ['a', 'b'])).toBe(false);
  expect(sameReferences(['a', 'b'], ['a', 'c'])).toBe(false);
});

import { decideAccounts, type AccountFacts } from './decide-accounts.js';

const a = { reference: 'Organization/a' };
const b = { reference: 'Organization/b' };
const c = { reference: 'Organization/c' };

const decide = (facts: Partial<AccountFacts>) =>
  decideAccounts({
    type: 'Observation',
    sent: undefined,
    decides: false,
    mayNameCharts: true,
    policyAccounts: [],
    stored: undefined,
    patientsChange: false,
    localReference: (reference) => reference,
    ...facts,
  });

describe('a project admin in extended mode', () => {
  it('who sends meta decides the accounts', () => {
    const facts = { decides: true, sent: [a, b], policyAccounts: ['Organization/c'] };
    expect(decide(facts)).toEqual({ accounts: [a, b], inherits: false });
    expect(decide({ ...facts, stored: [c], patientsChange: true })).toEqual({ accounts: [a, b], inherits: false });
  });

  it('who sends meta without accounts decides that there are none', () => {
    expect(decide({ decides: true, sent: [], stored: [c] })).toEqual({ accounts: [], inherits: false });
  });

  it('who sends no meta follows the rules of everybody else', () => {
    expect(decide({ decides: true, stored: [c] })).toEqual({ accounts: [c], inherits: false });
    expect(decide({ decides: true })).toEqual({ accounts: [], inherits: true });
  });
});

describe('an administrator whose scopes do not allow everything', () => {
  const chart = { reference: 'Patient/p' };
  const facts = { decides: true, mayNameCharts: false };

  it('decides the accounts all the same', () => {
    expect(decide({ ...facts, sent: [a, b] }).accounts).toEqual([a, b]);
  });

  it('cannot name a Patient, in whose compartment the resource would be then, unless it is there already', () => {
    expect(() => decide({ ...facts, sent: [a, chart] })).toThrow('cannot name a Patient as an account');
    expect(() => decide({ ...facts, sent: [chart], stored: [a] })).toThrow('cannot name a Patient as an account');
    expect(decide({ ...facts, sent: [chart], stored: [a, chart] }).accounts).toEqual([chart]);
    expect(decide({ decides: true, sent: [chart] }).accounts).toEqual([chart]);
  });
});

describe('whoever does not decide', () => {
  it('files what they make under the first account of their policy and the accounts of its patients', () => {
    const policyAccounts = ['Organization/a', 'Organization/b'];
    expect(decide({ policyAccounts })).toEqual({ accounts: [a], inherits: true });
    expect(decide({})).toEqual({ accounts: [], inherits: true });
  });

  it('may name one or more of the accounts of their policy, and nothing else', () => {
    const policyAccounts = ['Organization/a', 'Organization/b', 'Organization/c'];
    expect(decide({ policyAccounts, sent: [b] }).accounts).toEqual([b]);
    expect(decide({ policyAccounts, sent: [c, b, { reference: 'Organization/x' }] }).accounts).toEqual([b, c]);
    expect(decide({ policyAccounts, sent: [{ reference: 'Organization/x' }] }).accounts).toEqual([a]);
    expect(decide({ sent: [a] }).accounts).toEqual([]);
  });

  it('is refused when they name more accounts of their policy than a resource may have', () => {
    const policyAccounts = Array.from({ length: 101 }, (_, index) => `Organization/${index}`);
    const named = policyAccounts.map((reference) => ({ reference }));
    expect(() => decide({ policyAccounts, sent: named })).toThrow('Observation.meta.accounts may have 100 references');
    expect(decide({ policyAccounts, sent: named.slice(1) }).accounts).toHaveLength(100);
    expect(
      decide({ policyAccounts, sent: [...named.slice(1), { reference: 'Organization/x' }] }).accounts,
    ).toHaveLength(100);
  });

  it.each([null, 'Organization/b', [null, 1, { reference: 2 }], { reference: 'Organization/b' }])(
    'is not refused for accounts that are none: %j',
    (sent) => {
      expect(decide({ policyAccounts: ['Organization/a'], sent }).accounts).toEqual([a]);
    },
  );

  it('leaves a stored resource where it is filed, whatever they send', () => {
    const facts = { stored: [c], policyAccounts: ['Organization/a'], sent: [a] };
    expect(decide(facts)).toEqual({ accounts: [c], inherits: false });
  });

  it('moves a stored resource with its patients', () => {
    const facts = { stored: [c], policyAccounts: ['Organization/a'], patientsChange: true };
    expect(decide(facts)).toEqual({ accounts: [], inherits: true });
  });

  it('gives a Patient no accounts of other patients', () => {
    expect(decide({ type: 'Patient' })).toEqual({ accounts: [], inherits: false });
    expect(decide({ type: 'Patient', stored: [c], patientsChange: true })).toEqual({ accounts: [c], inherits: false });
  });
});

import { admit, admitBackfill, type AdmissionFacts } from './admission.js';

const now = new Date('2026-11-21T12:00:00Z');
const free: AdmissionFacts = {
  state: 'active',
  schemaVersion: 4,
  schemaPin: null,
  schemaPinUntil: null,
  schemaPinReason: null,
  maintenanceWindow: null,
  isBusy: false,
};
const admitted = (facts: Partial<AdmissionFacts>) => admit({ ...free, ...facts }, 5, now);

describe('a project', () => {
  test.each(['active', 'suspended', 'stopped', 'maintenance', 'failed', 'deleting'] as const)(
    'that is %s is migrated',
    (state) => expect(admitted({ state })).toEqual({ verdict: 'go' }),
  );

  test.each(['archived', 'deleted'] as const)('that is %s is skipped', (state) => {
    expect(admitted({ state })).toEqual({ verdict: 'skip', reason: `The project is ${state}.` });
  });

  test('is skipped while it is pinned below the target', () => {
    const until = new Date('2026-12-01T00:00:00Z');
    expect(admitted({ schemaPin: 4, schemaPinUntil: until, schemaPinReason: 'audit' })).toEqual({
      verdict: 'skip',
      reason: 'Pinned to schema 4 until 2026-12-01T00:00:00.000Z: audit',
    });
    expect(admitted({ schemaPin: 4 })).toEqual({ verdict: 'skip', reason: 'Pinned to schema 4.' });
    expect(admitted({ schemaPin: 4, schemaPinUntil: now })).toEqual({ verdict: 'go' });
    expect(admitted({ schemaPin: 5 })).toEqual({ verdict: 'go' });
    expect(admitted({ schemaPin: 4, schemaVersion: 5 })).toEqual({ verdict: 'go' });
  });

  test('is waited for while an operation works on it, which may give it another database', () => {
    expect(admitted({ isBusy: true })).toMatchObject({ verdict: 'wait', for: 'operation' });
    expect(admitted({ isBusy: true, schemaVersion: null })).toMatchObject({ verdict: 'wait', for: 'operation' });
  });

  test('is skipped when it has no database and nobody is at work on one', () => {
    expect(admitted({ schemaVersion: null })).toMatchObject({ verdict: 'skip' });
  });

  test('is waited for until its maintenance window opens, unless there is nothing to do', () => {
    const maintenanceWindow = { days: [6], from: '22:00', until: '04:00' };
    expect(admitted({ maintenanceWindow })).toEqual({
      verdict: 'wait',
      for: 'window',
      until: new Date('2026-11-21T22:00:00Z'),
    });
    expect(admitted({ maintenanceWindow, schemaVersion: 5 })).toEqual({ verdict: 'go' });
    expect(admitted({ maintenanceWindow: { days: [], from: '12:00', until: '12:01' } })).toEqual({ verdict: 'go' });
  });
});

describe('the backfills of a project', () => {
  const window = { days: [6], from: '10:00', until: '14:00' };

  test('run at any time without a maintenance window, and else until it closes', () => {
    expect(admitBackfill(free, now)).toEqual({ verdict: 'go', until: null });
    expect(admitBackfill({ ...free, maintenanceWindow: window }, now)).toEqual({
      verdict: 'go',
      until: new Date('2026-11-21T14:00:00Z'),
    });
  });

  test('wait for its maintenance window and for the operation that works on it', () => {
    const later = { ...window, from: '13:00' };
    expect(admitBackfill({ ...free, maintenanceWindow: later }, now)).toEqual({
      verdict: 'wait',
      for: 'window',
      until: new Date('2026-11-21T13:00:00Z'),
    });
    expect(admitBackfill({ ...free, maintenanceWindow: window, isBusy: true }, now)).toMatchObject({
      verdict: 'wait',
      for: 'operation',
    });
  });
});

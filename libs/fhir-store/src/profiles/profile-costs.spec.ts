import { assertAffordable, ProfileTime, ranOut } from './profile-costs.js';

const isAffordable = (project: string): boolean => {
  try {
    assertAffordable(project);
    return true;
  } catch {
    return false;
  }
};

test('a project whose profiles run out of time again and again may try no more for a while, and others may', () => {
  const after = (why: 'itself' | 'resting' | 'waiting') => {
    const { category } = ranOut('hostile', why);
    return [category, isAffordable('hostile')];
  };
  expect([after('itself'), after('resting'), after('waiting'), after('itself'), after('itself')]).toEqual([
    ['too-costly', true],
    ['too-costly', true],
    ['unavailable', true],
    ['too-costly', true],
    ['too-costly', false],
  ]);
  expect(isAffordable('neighbour')).toBe(true);
  expect(() => assertAffordable('hostile')).toThrow('too long');
});

test('what was only a busy machine, or was not tried, does not count', () => {
  for (let time = 0; time < 10; time++) {
    ranOut('quiet', 'waiting');
    ranOut('quiet', 'resting');
  }
  expect(isAffordable('quiet')).toBe(true);
});

test('a request reads definitions until it has spent its time, and that counts against its project', () => {
  const busy = (milliseconds: number) => {
    const before = process.cpuUsage();
    while (process.cpuUsage(before).user < milliseconds * 1_000);
    return 'read';
  };
  const time = new ProfileTime('slow', 50);
  expect([1, 1, 100].map((milliseconds) => time.spend(() => busy(milliseconds)))).toEqual(['read', 'read', 'read']);
  for (let again = 0; again < 3; again++) {
    expect(isAffordable('slow')).toBe(true);
    expect(() => time.spend(() => busy(1))).toThrow('too long');
  }
  expect(isAffordable('slow')).toBe(false);
  const next = new ProfileTime('slow');
  expect(() => next.spend(() => 'not done')).toThrow('too long');
});

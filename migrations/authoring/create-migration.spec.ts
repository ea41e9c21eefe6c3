import { planMigration, withMigration } from './create-migration.js';

const files = ['1793232000000-baseline.ts', '1795305600000-audit-deletions.ts', 'grants.ts', 'index.ts'];

describe('a new migration', () => {
  test('is dated now, and its class is named after what it does', () => {
    const { file, className, text } = planMigration('tenant', 'add-slot-label-2', files, 1_800_000_000_000);
    expect(file).toBe('1800000000000-add-slot-label-2.ts');
    expect(className).toBe('AddSlotLabel21800000000000');
    expect(text).toContain(`readonly name = 'AddSlotLabel21800000000000'`);
    expect(text).toContain(`readonly phase = 'expand'`);
  });

  test('comes after the last one, even if that is dated in the future', () => {
    expect(planMigration('control', 'more', files, 5).file).toBe('1795305600001-more.ts');
  });

  test.each(['AddLabel', 'add_label', '2nd', 'add--label', '../label', ''])('is not named "%s"', (name) => {
    expect(() => planMigration('tenant', name, files, 5)).toThrow('no name for a migration');
  });

  test('has a name of its own', () => {
    expect(() => planMigration('tenant', 'audit-deletions', files, 5)).toThrow('already');
  });
});

describe('the index', () => {
  const planned = planMigration('tenant', 'add-slot-label', [], 1_800_000_000_000);
  const head = `import { Baseline1793232000000 } from './1793232000000-baseline.js';\n`;
  const line = `import { AddSlotLabel1800000000000 } from './1800000000000-add-slot-label.js';\n`;

  test('gets one line and one name more, at the end', () => {
    expect(
      withMigration(`${head}\n/** All. */\nexport const controlMigrations = [Baseline1793232000000];\n`, planned),
    ).toBe(
      `${head}${line}\n/** All. */\nexport const controlMigrations = [Baseline1793232000000, AddSlotLabel1800000000000];\n`,
    );
  });

  test('keeps its types, its other lines and a list over several lines', () => {
    const list = (names: string) =>
      `export const tenantMigrations: readonly (new () => TenantMigration)[] = [${names}];`;
    const rest = `import type { A } from './a.js';\n\nexport { b } from './b.js';\n`;
    const longer = Array.from({ length: 4 }, (_, index) => `AMigrationWithALongName179323200000${index}`);
    const before = `${head}${rest}${list(`\n${longer.map((name) => `  ${name},\n`).join('')}`)}\n\nexport const N = 1;\n`;
    const all = [...longer, 'AddSlotLabel1800000000000'].map((name) => `  ${name},\n`).join('');
    expect(withMigration(before, planned)).toBe(`${head}${line}${rest}${list(`\n${all}`)}\n\nexport const N = 1;\n`);
  });

  test('of another form is left alone', () => {
    expect(() => withMigration('export const migrations = [];\n', planned)).toThrow('another form');
  });
});

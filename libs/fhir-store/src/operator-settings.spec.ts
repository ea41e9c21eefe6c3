import { type OperatorSettings, operatorSettingsPatch, validationLevelOf } from './operator-settings.js';

const usual: OperatorSettings = {
  strictMode: true,
  validationLevel: 'invariants',
  features: [],
  auditRetentionDays: null,
};
const project = (members = ''): string =>
  `{"resourceType":"Project","id":"p","meta":{"versionId":"7","lastUpdated":"2026-11-21T10:00:00.000Z"},"name":"Quay"${members}}`;
const patched = (body: string, settings: Partial<OperatorSettings>): Record<string, unknown> =>
  JSON.parse(operatorSettingsPatch({ ...usual, ...settings })(body)) as Record<string, unknown>;

describe("the operator's settings in a Project", () => {
  test('are written where they belong, and what is so anyway is not', () => {
    expect(patched(project(), {})).toEqual({ ...JSON.parse(project()), strictMode: true });
    const all = {
      strictMode: false,
      validationLevel: 'structure',
      features: ['bots'],
      auditRetentionDays: 90,
    } as const;
    expect(patched(project(), all)).toEqual({
      ...JSON.parse(project()),
      strictMode: false,
      features: ['bots'],
      systemSetting: [
        { name: 'validationLevel', valueString: 'structure' },
        { name: 'auditRetentionDays', valueInteger: 90 },
      ],
    });
  });

  test('are taken away again, and leave nothing empty', () => {
    const said = project(
      ',"strictMode":false,"features":["bots"],"systemSetting":[{"name":"auditRetentionDays","valueInteger":90}]',
    );
    expect(patched(said, {})).toEqual({ ...JSON.parse(project()), strictMode: true });
  });

  test('stand once and where they stood, and the other settings stay with their numbers as they were written', () => {
    const said = project(
      ',"setting":[{"name":"a","valueDecimal":1.00}],"strictMode":true,"systemSetting":[{"name":"auditRetentionDays","valueInteger":90},{"name":"b","valueDecimal":2.50},{"name":"auditRetentionDays","valueInteger":60},{"name":"auditRetentionDays","valueString":"x"}]',
    );
    expect(operatorSettingsPatch({ ...usual, auditRetentionDays: 40 })(said)).toBe(
      project(
        ',"setting":[{"name":"a","valueDecimal":1.00}],"strictMode":true,"systemSetting":[{"name":"auditRetentionDays","valueInteger":40},{"name":"b","valueDecimal":2.50}]',
      ),
    );
    expect(operatorSettingsPatch(usual)(said)).toContain('"systemSetting":[{"name":"b","valueDecimal":2.50}]}');
  });

  test.each<Partial<OperatorSettings>>([
    {},
    { strictMode: false, features: ['bots', 'cron'] },
    { validationLevel: 'structure', auditRetentionDays: 30 },
  ])('that are there already change not one character: %j', (settings) => {
    const patch = operatorSettingsPatch({ ...usual, ...settings });
    const once = patch(project(',"systemSetting":[{"name":"b","valueDecimal":2.50}]'));
    expect(patch(once)).toBe(once);
  });
});

describe('the level of validation', () => {
  test.each([
    [undefined, 'invariants'],
    ['structure', 'structure'],
    ['invariants', 'invariants'],
    ['none', 'invariants'],
  ])('of a Project that says %j is %s', (valueString, level) => {
    const systemSetting = [{ name: 'validationLevel', ...(valueString === undefined ? {} : { valueString }) }];
    expect(validationLevelOf({ systemSetting })).toBe(level);
  });

  test("is not what a Project's administrators say", () => {
    const setting = [{ name: 'validationLevel', valueString: 'structure' }];
    expect(validationLevelOf({ setting })).toBe('invariants');
  });
});

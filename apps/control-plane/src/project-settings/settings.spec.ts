import { changeSettings, defaultSettings, type Settings } from './settings.js';

const said: Settings = {
  strictMode: false,
  validationLevel: 'structure',
  features: ['bots'],
  auditRetentionDays: 365,
};

describe('a change of settings', () => {
  test('leaves what it does not name', () => {
    expect(changeSettings(said, {})).toEqual(said);
    expect(changeSettings(said, { auditRetentionDays: 40 })).toEqual({ ...said, auditRetentionDays: 40 });
    expect(changeSettings(said, { strictMode: true, features: [] })).toEqual({
      ...said,
      strictMode: true,
      features: [],
    });
  });

  test('brings what is null back to what it is in a new project', () => {
    const nothing = { strictMode: null, validationLevel: null, features: null, auditRetentionDays: null };
    expect(changeSettings(said, nothing)).toEqual(defaultSettings);
    expect(changeSettings(said, { validationLevel: null })).toEqual({ ...said, validationLevel: 'invariants' });
  });
});

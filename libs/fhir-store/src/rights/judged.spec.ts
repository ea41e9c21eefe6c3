import { judgedVersion } from './judged.js';

const version = {
  type: 'Patient',
  id: 'p1',
  body: '{"resourceType":"Patient","id":"p1","meta":{"versionId":"3","lastUpdated":"2026-01-02T03:04:05.678Z","accounts":[{"reference":"Organization/a"}]},"active":true}',
  extendedMeta:
    '"project":"x","account":{"reference":"Organization/a"},"compartment":[{"reference":"Organization/a"},{"reference":"Patient/p1"}]',
};

test('where a version is filed is the same without its body', () => {
  const { type, value, filing } = judgedVersion(version);
  expect(type).toBe('Patient');
  expect(value).toMatchObject({ active: true, meta: { versionId: '3', accounts: [{ reference: 'Organization/a' }] } });
  expect(value).toMatchObject(filing as object);
  expect(filing).toEqual({
    resourceType: 'Patient',
    id: 'p1',
    meta: {
      project: 'x',
      account: { reference: 'Organization/a' },
      compartment: [{ reference: 'Organization/a' }, { reference: 'Patient/p1' }],
    },
  });
});

test('a deletion cannot be judged', () => {
  const deletion = judgedVersion({ ...version, body: '' });
  expect(() => deletion.value).toThrow();
  expect(() => deletion.filing).toThrow('no content');
});

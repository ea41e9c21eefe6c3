import { fhirVersion, type JsonObject } from '#fhir';
import { interactions } from '../access-policy.js';
import { effectivePolicy } from '../effective-policy.js';
import { granted, policyFor, projectId, version } from '../policy-for.fixture.js';

describe('protected types', () => {
  const wild = policyFor({ rules: [{ resourceType: '*' }] });
  const admin = policyFor({ admin: true });

  it.each(['Login', 'JsonWebKey', 'DomainConfiguration'])('%s is for nobody, not for administrators either', (type) => {
    for (const policy of [
      wild,
      admin,
      policyFor({ rules: [{ resourceType: type }] }),
      policyFor({ admin: true, rules: [{ resourceType: type }] }),
    ]) {
      expect(granted(policy, type)).toEqual([]);
    }
  });

  it.each(['Project', 'ProjectMembership', 'User', 'UserSecurityRequest'])(
    '%s is never covered by *, nor by a rule that names it',
    (type) => {
      for (const policy of [wild, policyFor({}), policyFor({ rules: [{ resourceType: type }] })])
        expect(granted(policy, type)).toEqual([]);
    },
  );

  it.each(['AccessPolicy', 'ClientApplication', 'Bot', 'SmartAppLaunch'])(
    '%s can be seen with *, and written with a rule that names it or by an administrator',
    (type) => {
      for (const policy of [wild, policyFor({})]) expect(granted(policy, type)).toEqual(['read', 'search']);
      expect(granted(policyFor({ rules: [{ resourceType: type }] }), type)).toEqual([...interactions]);
      expect(granted(policyFor({ admin: true, rules: [{ resourceType: 'Patient' }] }), type)).toEqual([
        ...interactions,
      ]);
    },
  );

  it('a scope for one of them does not make * a rule that names it', () => {
    expect(granted(policyFor({ scope: 'user/AccessPolicy.cruds' }), 'AccessPolicy')).toEqual(['read', 'search']);
  });

  it.each([
    [
      'R4',
      { resourceType: 'Subscription', channel: { type: 'rest-hook', header: ['Authorization: x'] } },
      'channel.header',
    ],
    [
      'R5',
      {
        resourceType: 'Subscription',
        channelType: { code: 'rest-hook' },
        parameter: [{ name: 'Authorization', value: 'x' }],
      },
      'parameter',
    ],
  ])(
    'a Subscription of %s that sends a header can be seen with *, without the header, and not be written',
    (label, value, path) => {
      const policy = effectivePolicy({
        version: fhirVersion(label),
        projectId,
        membership: { id: 'm' },
        policies: new Map(),
        scope: '',
      });
      const judged = { type: 'Subscription', value: value as JsonObject };
      expect(policy.grantFor('read', judged)?.hiddenFields).toEqual([path]);
      for (const interaction of ['create', 'update', 'delete', 'vread', 'history'] as const) {
        expect([interaction, policy.grantFor(interaction, judged)]).toEqual([interaction, undefined]);
      }
      const plain = { type: 'Subscription', value: { resourceType: 'Subscription', channel: { type: 'websocket' } } };
      expect(policy.grantFor('create', plain)).toBeDefined();
      expect(policy.grantsFully('create', 'Subscription')).toBe(false);
    },
  );

  it('names of properties that every object has are no types', () => {
    for (const type of ['__proto__', 'constructor', 'Nonsense', '*', ''])
      expect(granted(policyFor({}), type)).toEqual([]);
  });
});

describe('a project administrator', () => {
  it('has the rules of the administration in place of what policies say of its types', () => {
    const policy = policyFor({
      admin: true,
      rules: [{ resourceType: 'ProjectMembership', interaction: ['create'] }, { resourceType: 'User' }],
    });
    expect(granted(policy, 'ProjectMembership')).toEqual(['read', 'vread', 'update', 'delete', 'search', 'history']);
    expect(policy.hiddenFieldsOf('read', 'User')).toEqual(['passwordHash', 'mfaSecret']);
    expect(granted(policy, 'UserSecurityRequest')).toEqual(['read', 'vread', 'search', 'history']);
    const membership = { type: 'ProjectMembership', value: { resourceType: 'ProjectMembership', id: 'x' } };
    expect(policy.grantFor('update', membership)?.readonlyFields).toEqual(['project', 'user']);
  });

  it('sees and changes the own project alone, without what belongs to the operator', () => {
    const policy = policyFor({ admin: true });
    const project = (id: string) => ({ type: 'Project', value: { resourceType: 'Project', id } });
    expect(policy.grantFor('update', project(projectId))).toEqual({
      hiddenFields: ['superAdmin', 'systemSecret', 'strictMode'],
      readonlyFields: ['features', 'link', 'owner', 'systemSetting'],
      writeConstraints: [],
    });
    expect(policy.grantFor('read', project('another'))).toBeUndefined();
    expect(policy.grants('create', 'Project') || policy.grants('delete', 'Project')).toBe(false);
  });

  it('manages what decides over others, with its secrets, whatever policies say of it', () => {
    const header = { channel: { type: 'rest-hook', header: ['Authorization: x'] } };
    const subscription = { type: 'Subscription', value: { resourceType: 'Subscription', ...header } };
    const everything = { hiddenFields: [], readonlyFields: [], writeConstraints: [] };
    for (const rules of [[{ resourceType: '*' }], [{ resourceType: '*', hiddenFields: ['channel'] }], []]) {
      const policy = policyFor({ admin: true, rules });
      expect(policy.grantFor('read', subscription)).toEqual(everything);
      expect(policy.grantFor('create', subscription)).toEqual(everything);
      expect(policy.grantsFully('update', 'AccessPolicy')).toBe(true);
    }
  });

  it('has clinical data under the effective policy, and is an administrator all the same', () => {
    const policy = policyFor({ admin: true, rules: [{ resourceType: 'Patient', readonly: true }] });
    expect([policy.projectAdmin, granted(policy, 'Observation'), policy.grants('update', 'Patient')]).toEqual([
      true,
      [],
      false,
    ]);
    expect(policy.reason).toBe('project admin ProjectMembership/m1 AccessPolicy/own');
  });

  it('is one only when the membership says true', () => {
    const membership = { id: 'm', admin: 'true' };
    const policy = effectivePolicy({ version, projectId, membership, policies: new Map(), scope: '' });
    expect([policy.projectAdmin, policy.reason]).toEqual([false, 'member ProjectMembership/m']);
  });

  it('administers nothing with a log-in whose scopes are less than everything', () => {
    expect(policyFor({ admin: true, scope: 'user/Patient.cruds' }).projectAdmin).toBe(false);
    expect(granted(policyFor({ admin: true, scope: 'user/Patient.cruds' }), 'ProjectMembership')).toEqual([]);
    expect(policyFor({ admin: true, scope: 'user/*.*' }).projectAdmin).toBe(true);
    expect(policyFor({ admin: true, scope: 'openid' }).projectAdmin).toBe(true);
  });
});

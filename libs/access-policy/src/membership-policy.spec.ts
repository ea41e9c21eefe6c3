import { describe, expect, it } from '@jest/globals';
import { interactions, type Interaction } from './access-policy.js';
import { membershipPolicy } from './membership-policy.js';
import { systemPolicy } from './system-policy.js';

const everything = [...interactions];
const reading: Interaction[] = ['read', 'vread', 'search', 'history'];
const nothing: Interaction[] = [];

const member = membershipPolicy({ admin: false, hasPolicyEntries: false });
const admin = membershipPolicy({ admin: true, hasPolicyEntries: false });

describe.each([
  { type: 'Patient', ofMember: everything, ofAdmin: everything },
  { type: 'Observation', ofMember: everything, ofAdmin: everything },
  { type: 'UserConfiguration', ofMember: everything, ofAdmin: everything },
  { type: '__proto__', ofMember: everything, ofAdmin: everything },
  { type: 'Project', ofMember: nothing, ofAdmin: reading },
  { type: 'UserSecurityRequest', ofMember: nothing, ofAdmin: reading },
  { type: 'ProjectMembership', ofMember: nothing, ofAdmin: everything },
  { type: 'User', ofMember: nothing, ofAdmin: everything },
  { type: 'AccessPolicy', ofMember: reading, ofAdmin: everything },
  { type: 'ClientApplication', ofMember: reading, ofAdmin: everything },
  { type: 'Bot', ofMember: reading, ofAdmin: everything },
  { type: 'SmartAppLaunch', ofMember: reading, ofAdmin: everything },
  { type: 'Login', ofMember: nothing, ofAdmin: nothing },
  { type: 'JsonWebKey', ofMember: nothing, ofAdmin: nothing },
  { type: 'DomainConfiguration', ofMember: nothing, ofAdmin: nothing },
])('$type', ({ type, ofMember, ofAdmin }) => {
  const granted = (policy: typeof member) => interactions.filter((interaction) => policy.grants(interaction, type));

  it(`grants a member ${ofMember.join(', ') || 'nothing'}`, () => {
    expect(granted(member).sort()).toEqual([...ofMember].sort());
  });

  it(`grants a project admin ${ofAdmin.join(', ') || 'nothing'}`, () => {
    expect(granted(admin).sort()).toEqual([...ofAdmin].sort());
  });

  it('grants nothing to a membership that names policies, admin or not', () => {
    expect(granted(membershipPolicy({ admin: false, hasPolicyEntries: true }))).toEqual([]);
    expect(granted(membershipPolicy({ admin: true, hasPolicyEntries: true }))).toEqual([]);
  });

  it('grants everything to the system', () => {
    expect(granted(systemPolicy('a test'))).toEqual(everything);
  });
});

describe('a policy', () => {
  it('says who is a project admin', () => {
    expect(member.projectAdmin).toBe(false);
    expect(admin.projectAdmin).toBe(true);
    expect(membershipPolicy({ admin: true, hasPolicyEntries: true }).projectAdmin).toBe(false);
    expect(systemPolicy('a test').projectAdmin).toBe(true);
  });

  it('of the system names its reason and cannot be made without one', () => {
    expect(systemPolicy('seed the project').reason).toBe('system: seed the project');
    expect(() => systemPolicy(' ')).toThrow('needs a reason');
  });
});

import { ipAccess, namesAddresses } from './ip-access.js';

const rule = (value: string, action = 'block') => ({ value, action });

test('without rules everybody may come in, and with rules those whom none names', () => {
  expect(ipAccess([], 'whatever')).toBe(true);
  expect(ipAccess([rule('10.0.0.1')], '10.0.0.2')).toBe(true);
});

test('the first rule that names the address decides', () => {
  const rules = [rule('10.0.0.1', 'allow'), rule('10.0.0.0/8'), rule('*', 'allow')];
  expect(['10.0.0.1', '10.0.0.2', '192.168.0.1'].map((address) => ipAccess(rules, address))).toEqual([
    true,
    false,
    true,
  ]);
  expect(ipAccess([rule('192.168.', 'allow'), rule('*')], '10.0.0.1')).toBe(false);
});

test('what is no address is refused as soon as there are rules', () => {
  for (const address of ['', 'localhost', '10.0.0', '10.0.0.1.2', 'x::1'])
    expect(ipAccess([rule('*', 'allow')], address)).toBe(false);
});

describe.each([
  ['10.0.0.1', ['10.0.0.1', '::ffff:10.0.0.1'], ['10.0.0.12', '10.0.0.2']],
  ['10.1.', ['10.1.2.3'], ['10.10.2.3', '11.1.0.0', '1.10.1.0']],
  ['10.1', ['10.1.2.3'], ['10.10.2.3', '10.12.0.1']],
  ['10.1.0.0/16', ['10.1.255.255', '::ffff:10.1.0.1'], ['10.2.0.0']],
  ['0.0.0.0/0', ['1.2.3.4'], ['2001:db8::1']],
  ['::ffff:10.1.0.0/112', ['10.1.2.3'], ['10.2.2.3']],
  ['2001:db8::/32', ['2001:db8::1', '2001:DB8:ffff::1'], ['2001:db9::1', '10.0.0.1']],
  ['2001:db8::1', ['2001:db8::1', '2001:0db8:0:0:0:0:0:1', '2001:db8::1%eth0'], ['2001:db8::11']],
  ['2001:db8:', ['2001:db8:1::1', '2001:0DB8::5'], ['2001:db80::1', '2001:d::1']],
  ['2001:db8:0:1', ['2001:db8::1:0:0:0:5'], ['2001:db8:1::1']],
  ['10.0.0.0/33', [], ['10.0.0.0']],
  ['10.0.0.0/x', [], ['10.0.0.0']],
  ['10.0.0.0/8/8', [], ['10.0.0.0']],
  ['', [], ['10.0.0.0', '::1']],
  ['.', [], ['10.0.0.0']],
  ['10.0.0.1.2', [], ['10.0.0.1']],
  ['127.0.0.*', [], ['127.0.0.1']],
  ['010.', [], ['10.0.0.1']],
  ['256.', [], ['25.6.0.1']],
  ['localhost', [], ['127.0.0.1', '::1']],
])('a rule for %s', (value, named, others) => {
  it('names exactly those addresses', () => {
    expect(named.filter((address) => ipAccess([rule(value)], address))).toEqual([]);
    expect(others.filter((address) => !ipAccess([rule(value)], address))).toEqual([]);
    expect(namesAddresses(value)).toBe(named.length > 0);
  });
});

test('a rule without an action that it could be blocks', () => {
  expect(ipAccess([{ value: '*' }], '10.0.0.1')).toBe(false);
  expect(ipAccess([{ value: '*', action: 'ALLOW' }], '10.0.0.1')).toBe(false);
});

import type { SchemaStep } from '#tenant-schema';
import { judgeSources } from './judge-sources.js';

const step = (statements: string[], more: Partial<SchemaStep> = {}): SchemaStep => ({
  version: 1,
  name: 'AddSlot1793232000000',
  phase: 'expand',
  transactional: true,
  statementTimeoutMs: 60_000,
  statements,
  checksum: 'of now',
  ...more,
});
const released = [{ version: 1, name: 'AddSlot1793232000000', checksum: 'of then', schema: [] }];
const judge = (one: SchemaStep) => judgeSources([one], released, ['1793232000000-add-slot.ts']);

test('a released migration may only be edited when it says what it supersedes', async () => {
  const mended = ['CREATE TABLE slot (id integer)'];
  expect(await judge(step(mended, { checksum: 'of then' }))).toEqual([]);
  expect(await judge(step(mended))).toEqual([expect.stringMatching(/edited since.*supersedes = \['of then'\]/)]);
  expect(await judge(step(mended, { supersedes: ['of another time'] }))).toHaveLength(1);
  expect(await judge(step(mended, { supersedes: ['of then'] }))).toEqual([]);
});

test('what supersedes a released migration is judged as a new one is', async () => {
  const blocking = step(['CREATE INDEX a ON room (id)'], { supersedes: ['of then'] });
  expect(await judge(blocking)).toEqual([expect.stringContaining('blocking-index')]);
});

import { rolloutRoom } from './cluster-reserve.js';

test.each([
  [40, 22],
  [20, 2],
  [19, 1],
  [18, 1],
  [0, 1],
])('of %i connections that data planes leave, a rollout may take %i', (reservedConnections, room) => {
  expect(rolloutRoom({ reservedConnections })).toBe(room);
});

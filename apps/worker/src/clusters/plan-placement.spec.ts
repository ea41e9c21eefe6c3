import { describe, expect, test } from '@jest/globals';
import type { ClusterLoad, ClusterState } from '#control-database';
import { planPlacement } from './plan-placement.js';

const load = (id: string, projects: number, maxProjects: number, state: ClusterState = 'active') =>
  ({ id, state, maxProjects, projects }) as ClusterLoad;

describe('placement of a new project', () => {
  test('takes the cluster with the smallest share in use', () => {
    expect(planPlacement([load('cl_a', 50, 100), load('cl_b', 80, 1000), load('cl_c', 9, 10)]).id).toBe('cl_b');
  });

  test('breaks a tie by id, whatever the order of the rows', () => {
    const rows = [load('cl_b', 0, 10), load('cl_a', 0, 20)];
    expect(planPlacement(rows).id).toBe('cl_a');
    expect(planPlacement(rows.toReversed()).id).toBe('cl_a');
  });

  test('leaves out clusters that are full, draining or disabled', () => {
    const rows = [load('cl_full', 10, 10), load('cl_drain', 0, 10, 'draining'), load('cl_off', 0, 10, 'disabled')];
    expect(() => planPlacement(rows)).toThrow(expect.objectContaining({ code: 'no-cluster' }));
    expect(planPlacement([...rows, load('cl_z', 9, 10)]).id).toBe('cl_z');
  });
});

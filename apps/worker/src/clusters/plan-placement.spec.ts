import type { ClusterLoad, ClusterState } from '#control-database';
import { planPlacement } from './plan-placement.js';

const load = (
  id: string,
  projects: number,
  maxProjects: number,
  state: ClusterState = 'active',
  region: string | null = null,
) => ({ id, state, maxProjects, projects, region }) as ClusterLoad;

describe('placement of a new project', () => {
  test('takes the cluster with the smallest share in use', () => {
    expect(planPlacement([load('cl_a', 50, 100), load('cl_b', 80, 1000), load('cl_c', 9, 10)]).id).toBe('cl_b');
  });

  test('breaks a tie by id, whatever the order of the rows', () => {
    const rows = [load('cl_b', 0, 10), load('cl_a', 0, 20)];
    expect(planPlacement(rows).id).toBe('cl_a');
    expect(planPlacement(rows.toReversed()).id).toBe('cl_a');
  });

  test('keeps to the region and to the cluster that are asked for', () => {
    const rows = [
      load('cl_a', 0, 10),
      load('cl_b', 5, 10, 'active', 'eu-west'),
      load('cl_c', 9, 10, 'active', 'eu-west'),
    ];
    expect(planPlacement(rows, { region: 'eu-west' }).id).toBe('cl_b');
    expect(planPlacement(rows, { clusterId: 'cl_c' }).id).toBe('cl_c');
    expect(() => planPlacement(rows, { region: 'eu-north' })).toThrow('of region eu-north has room');
    expect(() => planPlacement(rows, { region: 'eu-west', clusterId: 'cl_a' })).toThrow(
      expect.objectContaining({ code: 'no-cluster' }),
    );
  });

  test('leaves out clusters that are full, draining, disabled or not checked yet', () => {
    const rows = [
      load('cl_full', 10, 10),
      load('cl_drain', 0, 10, 'draining'),
      load('cl_off', 0, 10, 'disabled'),
      load('cl_new', 0, 10, 'registering'),
    ];
    expect(() => planPlacement(rows)).toThrow(expect.objectContaining({ code: 'no-cluster' }));
    expect(planPlacement([...rows, load('cl_z', 9, 10)]).id).toBe('cl_z');
  });
});

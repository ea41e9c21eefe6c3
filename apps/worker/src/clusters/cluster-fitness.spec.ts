import { clusterFlaws, type ServerFacts } from './cluster-fitness.js';

const fit: ServerFacts = {
  version: 180_001,
  maxConnections: 100,
  isStandby: false,
  createsDatabases: true,
  createsRoles: true,
  openDatabases: [],
  clusterIds: [],
};
const flaws = (facts: Partial<ServerFacts>) =>
  clusterFlaws({ ...fit, ...facts }, { maxConnections: 100 }, [{ id: 'cl_1', name: 'default' }]);

describe('a server that is to be a cluster', () => {
  test('is fit with PostgreSQL 18, the rights to make databases and roles, and enough connections', () => {
    expect(flaws({})).toEqual([]);
    expect(flaws({ clusterIds: ['cl_of_another_installation'] })).toEqual([]);
  });

  test('is refused with everything that is missing, not the first thing only', () => {
    expect(
      flaws({
        version: 170_006,
        maxConnections: 99,
        isStandby: true,
        createsDatabases: false,
        createsRoles: false,
        openDatabases: ['postgres'],
        clusterIds: ['cl_1'],
      }),
    ).toEqual([
      'it is not PostgreSQL 18 or later',
      'it is a standby, which can only be read',
      'the role may not create databases (CREATEDB)',
      'the role may not create roles (CREATEROLE)',
      'every role may connect to postgres, whose owner must run REVOKE ALL ON DATABASE "postgres" FROM PUBLIC',
      'it accepts 99 connections only',
      'it is the server of cluster default already',
    ]);
  });
});

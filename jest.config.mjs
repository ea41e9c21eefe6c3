import { availableParallelism } from 'node:os';

// Tests run as they are built, in plain Node processes that go on from one file to the next: decision 0035. What isolates
// them is that each makes databases, projects and folders of its own.
const common = {
  rootDir: 'dist',
  runner: 'jest-light-runner/child-process',
  testEnvironment: 'node',
  transform: {},
  setupFilesAfterEnv: ['<rootDir>/libs/testing/src/jest-setup.js'],
  snapshotResolver: '<rootDir>/libs/testing/src/jest-snapshots.js',
  // The build copies them; a copy would count as the snapshot of no test, and fail the run.
  modulePathIgnorePatterns: ['/__snapshots__/'],
};

export default {
  // Suites wait for servers as often as they compute, so that two of them fit on two processors.
  maxWorkers: Math.max(2, availableParallelism() - 1),
  projects: [
    {
      ...common,
      displayName: 'unit',
      roots: ['<rootDir>/apps', '<rootDir>/libs', '<rootDir>/migrations', '<rootDir>/bench'],
      testMatch: ['**/*.spec.js'],
    },
    {
      ...common,
      displayName: 'integration',
      roots: ['<rootDir>/test'],
      testMatch: ['**/*.test.js'],
      globalSetup: '<rootDir>/libs/testing/src/jest-global-setup.js',
      globalTeardown: '<rootDir>/libs/testing/src/jest-global-teardown.js',
    },
  ],
};

import { availableParallelism } from 'node:os';

// Node below 24.9 cannot require() an ES module from Jest's CommonJS registry, so these two packages are transformed.
const esmOnly = 'cookie|content-disposition';
const common = {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    [`/node_modules/(${esmOnly})/.+\\.js$`]: [
      '@swc/jest',
      { swcrc: false, jsc: { target: 'es2022' }, module: { type: 'commonjs' } },
    ],
    '^.+\\.ts$': ['@swc/jest', { swcrc: true }],
  },
  transformIgnorePatterns: [`/node_modules/(?!(.*/)?(${esmOnly})/)`],
  moduleNameMapper: {
    '^#migrations/(control|tenant)$': '<rootDir>/migrations/$1/index.ts',
    '^#([a-z-]+)$': '<rootDir>/libs/$1/src/index.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
};

export default {
  // Suites wait for servers as often as they compute, so that two of them fit on two processors.
  maxWorkers: Math.max(2, availableParallelism() - 1),
  testTimeout: 120_000,
  // Not in the folder for temporary files, which is another one in every `npm test`.
  cacheDirectory: 'node_modules/.cache/jest',
  // Node keeps the ES modules of a test file for ever, some 20 MB a file; a worker begins anew before it runs out of memory.
  workerIdleMemoryLimit: '1GB',
  projects: [
    {
      ...common,
      displayName: 'unit',
      roots: ['<rootDir>/apps', '<rootDir>/libs', '<rootDir>/migrations', '<rootDir>/bench'],
      testMatch: ['**/*.spec.ts'],
    },
    {
      ...common,
      displayName: 'integration',
      roots: ['<rootDir>/test'],
      testMatch: ['**/*.test.ts'],
      globalSetup: '<rootDir>/libs/testing/src/jest-global-setup.ts',
      globalTeardown: '<rootDir>/libs/testing/src/jest-global-teardown.ts',
    },
  ],
};

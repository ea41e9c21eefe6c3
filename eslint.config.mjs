import js from '@eslint/js';
import tseslint from 'typescript-eslint';

/** Calls that have one home; the message says where to go instead. */
const oneHome = [
  {
    selector: "MemberExpression[object.name='process'][property.name='env']",
    message: 'Read configuration through loadConfig() of #platform.',
  },
  {
    selector: "NewExpression[callee.object.name='pg'][callee.property.name=/^(Pool|Client)$/]",
    message: 'Open PostgreSQL connections through #postgres.',
  },
];

export default tseslint.config(
  {
    ignores: [
      'dist',
      'node_modules',
      '.boxyard',
      'coverage',
      'libs/fhir/definitions',
      'test/fixtures',
      'bench/results',
    ],
  },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      'no-restricted-syntax': ['error', ...oneHome],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/require-await': 'off',
    },
  },
  {
    files: [
      'libs/platform/src/config/**',
      'libs/postgres/**',
      'libs/testing/**',
      'test/**',
      'bench/**',
      '**/*.spec.ts',
    ],
    rules: { 'no-restricted-syntax': 'off' },
  },
  {
    // Tests look into JSON answers whose shape is what they check.
    files: ['test/**', '**/*.spec.ts'],
    rules: {
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
  {
    files: ['**/*.mjs', '**/*.cjs'],
    languageOptions: {
      globals: { process: 'readonly', console: 'readonly', module: 'writable', require: 'readonly', URL: 'readonly' },
    },
  },
);

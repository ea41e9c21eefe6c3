/** The tests of updates in the store, on the schema that databases have until a rollout has been there. */
import { onSchemaBefore } from './schema-before.fixture.js';

await onSchemaBefore(() => import('./store-update.test.js'));

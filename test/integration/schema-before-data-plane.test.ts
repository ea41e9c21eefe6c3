/** The tests of FHIR requests over HTTP, on the schema that databases have until a rollout has been there. */
import { onSchemaBefore } from './schema-before.fixture.js';

await onSchemaBefore(() => import('./data-plane-fhir.test.js'));

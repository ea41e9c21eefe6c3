import { ControlSchema1763700000000 } from './1763700000000-control-schema.js';
import { Rollouts1795300000000 } from './1795300000000-rollouts.js';

/** Every migration of the control database, oldest first. A migration is never edited once it is released. */
export const controlMigrations = [ControlSchema1763700000000, Rollouts1795300000000];

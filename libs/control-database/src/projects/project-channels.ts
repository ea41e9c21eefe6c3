/** The NOTIFY channel on which the control database announces that a project has changed; the payload is its id. */
export const PROJECT_CHANNEL = 'boxyard_project';

/** The Redis channel on which control planes repeat it; the message is the id, or empty when any may have changed. */
export const PROJECT_REDIS_CHANNEL = 'boxyard:project';

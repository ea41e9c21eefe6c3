import { SetMetadata } from '@nestjs/common';
import type { OperatorRole } from '#control-database';

export const neededRole = 'boxyard: needed role';

/** Closes a route to callers of a lesser role than this one, whatever the method. */
export const NeedsRole = (role: OperatorRole) => SetMetadata(neededRole, role);

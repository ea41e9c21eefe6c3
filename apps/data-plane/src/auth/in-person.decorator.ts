import { type CustomDecorator, SetMetadata } from '@nestjs/common';

export const IN_PERSON_ROUTE = 'boxyard:in-person-route';

/**
 * Declares that a route is about the caller's own account and log-in: the rights with which an administrator acts on behalf
 * of somebody do not reach it.
 */
export const InPerson = (): CustomDecorator => SetMetadata(IN_PERSON_ROUTE, true);

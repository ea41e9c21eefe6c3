import { type CustomDecorator, SetMetadata } from '@nestjs/common';

export const PUBLIC_ROUTE = 'boxyard:public-route';

/**
 * Declares that a route needs no authentication. The guard stands before every other route: one that nobody declared is
 * closed.
 */
export const Public = (): CustomDecorator => SetMetadata(PUBLIC_ROUTE, true);

import { SetMetadata } from '@nestjs/common';

export const publicRoute = 'boxyard: public route';

/** Opens a route to callers without credentials. Every other route needs them. */
export const Public = () => SetMetadata(publicRoute, true);

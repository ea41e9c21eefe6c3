import path from 'node:path';
import type { Config } from './config.js';

/** Where the contents of files are, which all processes of an installation share. */
export const filesDirectory = ({ dataDir }: Pick<Config, 'dataDir'>): string => path.join(dataDir, 'files');

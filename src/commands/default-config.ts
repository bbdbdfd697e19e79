import { fileURLToPath } from 'node:url';

/** The configuration that a command takes when none is named. */
export const DEFAULT_CONFIG = fileURLToPath(new URL('../../config/station.yaml', import.meta.url));

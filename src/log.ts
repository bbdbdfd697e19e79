import { type DestinationStream, type Logger, pino } from 'pino';
import { scrub } from './scrub.ts';

/** Whatever the field is called, a credential never reaches the log. */
const SECRET_FIELDS = [
  'connectionString',
  'sasToken',
  'accountKey',
  'containerUrl',
  'credential',
  'bitLockerKey',
  'authorization',
  'password',
  'secret',
];

/**
 * The station's log: JSON lines, one child a subsystem. Secrets are redacted twice: fields by their
 * names at any usual depth, and each finished line by the shapes of secrets, since a URL or a key can
 * be in the words of any error.
 */
export function createLog(level: string, destination?: DestinationStream): Logger {
  const paths = SECRET_FIELDS.flatMap((name) => [
    name,
    `*.${name}`,
    `*.*.${name}`,
    `*.*.*.${name}`,
  ]);
  const options = {
    level,
    base: { service: 'drive-station' },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths, censor: '[redacted]' },
    hooks: { streamWrite: scrub },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}

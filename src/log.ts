import { type DestinationStream, type Logger, pino } from 'pino';

/** Whatever the field is called, a credential never reaches the log. */
const SECRET_FIELDS = [
  'connectionString',
  'sasToken',
  'accountKey',
  'bitLockerKey',
  'authorization',
  'password',
  'secret',
];

/** The station's log: JSON lines, one child a subsystem, secrets redacted at any usual depth. */
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
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}

import { z } from 'zod';
import { IDEMPOTENCY_KEY_MAX_LENGTH } from '../../limits.ts';

/** Headers of every action. */
export const actionHeaders = z.object({
  'x-drive-station-actor': z
    .string()
    .regex(/^[\x21-\x7e]{1,64}$/u, '1-64 printable ASCII characters without blanks')
    .refine((actor) => actor !== 'station', 'the name "station" is the daemon’s own')
    .default('local')
    .describe('Who asks; kept in the event log. `station` is the daemon’s own name.'),
  'idempotency-key': z
    .string()
    .min(1, 'must not be empty')
    .max(IDEMPOTENCY_KEY_MAX_LENGTH, `at most ${IDEMPOTENCY_KEY_MAX_LENGTH} characters`)
    .regex(/^[\x20-\x7e]*$/u, 'printable ASCII characters')
    .exactOptional()
    .describe(
      'A fresh one for each thing to be done, for example a UUID. Asked again with the same key, the same request is not done twice: it gets the kept answer.',
    ),
});

/** Says that an answer was given before, and that nothing was done this time. */
export const REPLAYED_HEADER = 'idempotency-replayed';

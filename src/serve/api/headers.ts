import type { IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';
import type { Actor } from '../../ledger/contract.ts';
import { parsed } from '../problem.ts';

/** Headers of every action. */
export const actionHeaders = z.object({
  'x-drive-station-actor': z
    .string()
    .regex(/^[\x21-\x7e]{1,64}$/u, '1-64 printable ASCII characters without blanks')
    .refine((actor) => actor !== 'station', 'the name "station" is the daemon’s own')
    .default('local')
    .describe('Who asks; kept in the event log. `station` is the daemon’s own name.'),
});

export function actorOf(headers: IncomingHttpHeaders): Actor {
  return parsed(actionHeaders, headers)['x-drive-station-actor'];
}

import { z } from 'zod';
import type { Parcel } from '../domain/parcel.ts';
import type { ExtraDrive } from '../ledger/contract.ts';
import { driveState } from './wire-drive.ts';
import { list, time } from './wire-shapes.ts';

/** What the station API says of parcels and of what lies in them; beside `wire.ts` also for the page. */

const words = z.record(z.string(), z.string()).readonly();

export const extraDrive = z.object({
  id: z.string(),
  serial: z.string().nullable(),
  model: z.string().nullable(),
  bay: z.string(),
  jobId: z.string().nullable().describe('The job whose parcel it came in; it goes back with that.'),
  parcelId: z.string().nullable(),
  reason: z.string(),
  seenAt: time,
  end: z
    .object({ at: time, how: z.enum(['returned', 'listed', 'taken-away']) })
    .exactOptional()
    .describe('It is no longer here: sent back, listed by a job after all, or gone otherwise.'),
}) satisfies z.ZodType<{ [K in keyof ExtraDrive]: unknown }>;

export const parcel = z.object({
  id: z.string(),
  jobId: z.string(),
  direction: z.enum(['in', 'out']),
  shipment: z.object({ carrierName: z.string(), trackingNumber: z.string() }).exactOptional(),
  openedAt: time.describe('When its check-in began, or when it was given to the carrier.'),
  openedBy: z.string(),
  completedAt: time.exactOptional().describe('Absent while it is being unpacked.'),
  completedBy: z.string().exactOptional(),
}) satisfies z.ZodType<{ [K in keyof Parcel]: unknown }>;

export const packing = z.object({
  jobId: z.string(),
  jobName: z.string(),
  returnAddress: words.nullable(),
  returnShipping: words.nullable().describe('The return carrier and the customer’s account there.'),
  drives: list(
    z.object({
      ...{ driveId: z.string(), state: driveState },
      lost: z
        .boolean()
        .describe(
          'Its disk left in mid-copy and did not come back: it is in no parcel, unless it is found.',
        ),
    }),
  ),
  extras: list(extraDrive),
  problems: list(z.string()).describe('What hinders the parcel; empty when it can go.'),
});
export type PackingView = z.output<typeof packing>;

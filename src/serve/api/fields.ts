import { z } from 'zod';

/** Fields that several bodies have. */

/** One line of text that people typed, without control characters. */
export const line = (max: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(max)
    .regex(/^\P{Cc}*$/u, 'no control characters');

export const idParams = z.object({ id: z.string().min(1).max(64) });

export const shipment = z.strictObject({ carrierName: line(100), trackingNumber: line(100) });

/** The refusals of everything that names a job. */
export const OF_JOB = ['job-not-found', 'job-name-ambiguous'] as const;

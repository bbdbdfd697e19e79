import { z } from 'zod';
import type { DiskKey } from '../domain/disk.ts';
import type { DriveId, JobId } from '../domain/job.ts';
import type { ConfirmedDisk } from './contract.ts';

/** More answers within one boot than a station has bays in a year; the oldest is forgotten. */
const MAX_KEPT = 500;

const name = (value: unknown) => typeof value === 'string' && value !== '';
const confirmedDisk = z.object({
  disk: z.custom<DiskKey>(name),
  ref: z.object({ jobId: z.custom<JobId>(name), driveId: z.custom<DriveId>(name) }),
  actor: z.string(),
});
const kept = z.object({ bootId: z.string(), answers: z.array(confirmedDisk) });

/** The answers in a stored value that belong to this boot. */
export function answersOf(value: string | undefined, bootId: string): readonly ConfirmedDisk[] {
  if (value === undefined) return [];
  const found = kept.parse(JSON.parse(value));
  return found.bootId === bootId ? found.answers : [];
}

/** The value to store with one answer more; an earlier one about the same attachment is replaced. */
export function withAnswer(
  value: string | undefined,
  bootId: string,
  answer: ConfirmedDisk,
): string {
  const others = answersOf(value, bootId).filter(({ disk }) => disk !== answer.disk);
  return JSON.stringify({ bootId, answers: [...others, answer].slice(-MAX_KEPT) });
}

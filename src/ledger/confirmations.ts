import { z } from 'zod';
import type { DiskKey } from '../domain/disk.ts';
import type { DriveId, JobId } from '../domain/job.ts';
import type { Actor, ConfirmedDisk } from './contract.ts';
import { readSetting, writeSetting } from './setting-rows.ts';
import type { Executor } from './tables.ts';
import type { Writer } from './writer.ts';

/** More answers within one boot than a station has bays in a year; the oldest is forgotten. */
const MAX_KEPT = 500;

const name = (value: unknown) => typeof value === 'string' && value !== '';
const confirmedDisk = z.object({
  disk: z.custom<DiskKey>(name),
  ref: z.object({ jobId: z.custom<JobId>(name), driveId: z.custom<DriveId>(name) }),
  actor: z.string(),
});
const kept = z.object({ bootId: z.string(), answers: z.array(confirmedDisk) });

const keyOf = (station: string) => `confirmations/${station}`;

/** The answers of this boot. */
export async function confirmedDisks(
  db: Executor,
  station: string,
  bootId: string,
): Promise<readonly ConfirmedDisk[]> {
  const value = await readSetting(db, keyOf(station));
  if (value === undefined) return [];
  const found = kept.parse(JSON.parse(value));
  return found.bootId === bootId ? found.answers : [];
}

/** Keeps one answer more, with its event; an earlier one about the same attachment is replaced. */
export async function confirmDisk(
  writer: Writer,
  answer: ConfirmedDisk,
  { bootId, actor }: { readonly bootId: string; readonly actor: Actor },
): Promise<void> {
  const { station } = writer;
  await writer.write(async (db) => {
    const known = await confirmedDisks(db, station, bootId);
    const others = known.filter(({ disk }) => disk !== answer.disk);
    const value = JSON.stringify({ bootId, answers: [...others, answer].slice(-MAX_KEPT) });
    await writeSetting(db, { key: keyOf(station), station, value });
    const entity = `disk:${answer.disk}`;
    await writer.append(db, { entity, type: 'confirmed', data: answer.ref, actor });
  });
}

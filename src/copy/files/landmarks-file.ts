import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import {
  makeDirectories,
  unlessMissing,
  writeAll,
  writeDurably,
} from '../../blobs/durable-file.ts';
import { asStateDiskError } from '../../errors.ts';

/** A place of the disk and what it held when the copy of its files began. */
export interface VolumeLandmark {
  readonly offsetBytes: number;
  /** As `landmarkDigest` makes it. */
  readonly sha256: string;
}

/** By what the disk of a copy is known again. */
export interface KnownDisk {
  readonly landmarks: readonly VolumeLandmark[];
  /** It is known by them since a person said so; at first it held something else. */
  readonly isSecond: boolean;
}

const schema = z.strictObject({
  nonce: z.string(),
  isSecond: z.boolean().default(false),
  landmarks: z.array(
    z.strictObject({
      offsetBytes: z.int().min(0),
      sha256: z.string().regex(/^[0-9a-f]{32}$/u),
    }),
  ),
});

export function landmarksFile(journalFile: string): string {
  return `${journalFile}.landmarks`;
}

/** What is known of the disk of a copy; no landmarks where no attempt of it came so far. */
export async function readLandmarks(journalFile: string, nonce: string): Promise<KnownDisk> {
  const text = await unlessMissing(readFile(landmarksFile(journalFile), 'utf8'));
  const found = text === undefined ? undefined : schema.safeParse(parsed(text)).data;
  return found?.nonce === nonce ? found : { landmarks: [], isSecond: false };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Resolves when they are on the medium. Throws `state-disk-failed`. */
export async function writeLandmarks(
  journalFile: string,
  nonce: string,
  known: KnownDisk,
): Promise<void> {
  const file = landmarksFile(journalFile);
  const bytes = Buffer.from(JSON.stringify({ nonce, ...known }));
  try {
    await makeDirectories(dirname(file), 0o700);
    await writeDurably(file, (handle) => writeAll(handle, bytes));
  } catch (error) {
    throw asStateDiskError(file, error);
  }
}

import { readFile } from 'node:fs/promises';
import type { DriveLog, LogBlob, LogRanges, Many } from '../../src/formats/drive-log.ts';
import { driveLogXml } from '../../src/formats/drive-log-writer.ts';
import { readDriveLog } from './drive-log-reader.ts';

/** A whole log in memory, to be looked at. */
export interface WholeLog {
  readonly version: string | undefined;
  readonly driveId: string;
  readonly blobs: readonly WholeBlob[];
  readonly status: string;
}
export type WholeBlob = Omit<LogBlob<string>, 'ranges'> & {
  readonly ranges?: { readonly kind: string; readonly list: readonly object[] };
};

const SAMPLES = new URL('../../native-fixtures/azure-samples/copy-logs/', import.meta.url);

export function sample(name: string): Promise<Buffer> {
  return readFile(new URL(name, SAMPLES));
}

/** Opens a log that must be of the 2014 format. */
export async function openLog(chunks: Many<Uint8Array | string>): Promise<DriveLog> {
  const log = await readDriveLog(chunks);
  if (log.version === '2018-10-01') throw new TypeError('a log of another version');
  return log;
}

export async function wholeLog(chunks: Many<Uint8Array | string>): Promise<WholeLog> {
  const log = await readDriveLog(chunks);
  const blobs: WholeBlob[] = [];
  for await (const { ranges, ...blob } of log.blobs) {
    blobs.push({ ...blob, ...(ranges === undefined ? {} : { ranges: await wholeRanges(ranges) }) });
  }
  return { version: log.version, driveId: log.driveId, blobs, status: log.status() };
}

async function wholeRanges(ranges: LogRanges) {
  return { kind: ranges.kind, list: await all<object>(ranges.list) };
}

export async function all<T>(items: Many<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

export async function textOf(log: DriveLog): Promise<string> {
  return (await all(driveLogXml(log))).join('');
}

/** A blob in which nothing is remarkable. */
export function plainBlob(over: Partial<LogBlob> = {}): LogBlob {
  const head = { status: 'Completed', blobPath: 'disks/a.img', filePath: '\\a.img' } as const;
  return { ...head, length: 5, ...over };
}

export function logOf(blobs: Many<LogBlob>, over: Partial<DriveLog> = {}): DriveLog {
  return { driveId: 'WD-1', blobs, status: () => 'Completed', ...over };
}

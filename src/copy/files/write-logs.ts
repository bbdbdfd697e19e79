import type { DriveLogs } from '../../domain/verdict.ts';
import { type DriveLogsOrder, type LogFile, writeDriveLogs, XML } from '../log-writing.ts';
import type { FilesAssignment } from '../messages.ts';

export interface FileLogsOrder extends Omit<DriveLogsOrder, 'assignment' | 'beside'> {
  readonly assignment: Pick<FilesAssignment, 'driveId' | 'logs' | 'plan' | 'storage'>;
  /** The manifest's bytes, when it is there to be kept. */
  manifest?(): AsyncIterable<Uint8Array>;
  /** The table of the files of a tree. */
  list?(): AsyncIterable<string>;
}

const CSV = 'text/csv; charset=utf-8';

/** Writes what tells the customer how the copy of files went. Throws what `writeDriveLogs` throws. */
export async function writeFileLogs(
  { manifest, list, ...order }: FileLogsOrder,
  signal: AbortSignal,
): Promise<DriveLogs> {
  const beside: LogFile[] = [];
  if (list !== undefined) {
    beside.push({ uri: 'fileListUri', kind: 'files', contentType: CSV, text: list });
  }
  if (manifest !== undefined && order.assignment.logs.backupManifest === true) {
    beside.push({ uri: 'manifestUri', kind: 'manifest', contentType: XML, text: manifest });
  }
  return await writeDriveLogs({ ...order, beside }, signal);
}

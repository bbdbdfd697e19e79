import type { BlobContainer } from '../blobs/contract.ts';
import { writeText } from '../blobs/write-text.ts';
import type { BlobName } from '../domain/blob-name.ts';
import type { DriveLogs } from '../domain/verdict.ts';
import { isCancelled, isStationError, messageOf, throwIfCancelled } from '../errors.ts';
import type { DriveLog } from '../formats/drive-log.ts';
import { errorsOnly } from '../formats/errors-only.ts';
import { type LogKind, logBlobName } from '../formats/log-name.ts';
import { LOG_BLOCK_BYTES } from '../limits.ts';
import { logPlace } from './log-place.ts';
import type { Assignment } from './messages.ts';

/** What is kept beside the logs of a drive. */
export interface LogFile {
  /** Where its address stands. */
  readonly uri: Exclude<keyof DriveLogs, 'problem'>;
  readonly kind: LogKind;
  readonly contentType: string;
  /** Made while it is sent, so its length costs nothing. */
  text(): AsyncIterable<string | Uint8Array>;
}

export interface DriveLogsOrder {
  readonly assignment: Pick<Assignment, 'driveId' | 'logs' | 'plan' | 'storage'>;
  readonly log: DriveLog;
  readonly beside: readonly LogFile[];
  /** The container of the drive's blobs; `undefined` for a drive that has none. */
  readonly blobsIn: string | undefined;
  /** Opens the container for logs, patient with outages as the one for blobs is. */
  openLogContainer(name: string): Promise<BlobContainer>;
  now(): Date;
}

export const XML = 'application/xml';
/** Times that logs are begun whose container is deleted meanwhile. */
const TRIES = 3;

/**
 * Writes the drive's error log, what lies beside it and, when the job asks for it, the verbose log.
 *
 * The verdict is about the customer's bytes, and they are safe by now: whatever becomes of the logs
 * changes nothing in it. A store that is away is waited for, as for any block. A refusal of the logs (a
 * credential that may not make their container, a path that is no name) ends here as `problem`, which is kept
 * beside the verdict and shown to people; failing the copy would not make the store give in, and
 * calling it `CompletedMoreInfo` would close the job for an error that its data does not have.
 *
 * Each log has a name of its own by its time, so none is ever replaced: an attempt that ends between
 * its logs and its last word leaves them beside those of the next one, and the job names the latter.
 * Throws `cancelled`, and what the store refuses of the drive's blobs as well: the credential is over then,
 * or the clock wrong, and the copy halts until that is put right.
 */
export async function writeDriveLogs(
  order: DriveLogsOrder,
  signal: AbortSignal,
): Promise<DriveLogs> {
  throwIfCancelled(signal);
  const { assignment, blobsIn, openLogContainer } = order;
  const { container: logsIn, prefix } = logPlace(assignment, blobsIn);
  const logs: { -readonly [Key in keyof DriveLogs]: DriveLogs[Key] } = {};
  for (let tries = 1; ; tries++) {
    try {
      const container = await openLogContainer(logsIn);
      await container.ensure(signal);
      for (const file of await filesOf(order)) {
        logs[file.uri] = await writeOne(order, { container, prefix, file }, signal);
      }
      return logs;
    } catch (error) {
      if (isCancelled(error)) throw error;
      if (isStationError(error, 'container-missing') && tries < TRIES) continue;
      const mayBeOfAll = isClosed(error) && blobsIn !== undefined;
      if (mayBeOfAll) await (await openLogContainer(blobsIn)).ensure(signal);
      return { ...logs, problem: messageOf(error) };
    }
  }
}

async function filesOf({ assignment, log, beside }: DriveLogsOrder): Promise<LogFile[]> {
  // Loaded only here: the XML library takes 20 MB, and the copy goes on for hours without it.
  const { driveLogXml } = await import('../formats/drive-log-writer.ts');
  const error = { uri: 'errorLogUri', kind: 'error', contentType: XML } as const;
  const verbose = { uri: 'verboseLogUri', kind: 'verbose', contentType: XML } as const;
  return [
    { ...error, text: () => driveLogXml(errorsOnly(log)) },
    ...beside,
    ...(assignment.logs.level === 'Verbose' ? [{ ...verbose, text: () => driveLogXml(log) }] : []),
  ];
}

interface OneLog {
  readonly container: BlobContainer;
  readonly prefix: string;
  readonly file: LogFile;
}

async function writeOne(
  { assignment, now }: DriveLogsOrder,
  { container, prefix, file }: OneLog,
  signal: AbortSignal,
): Promise<string> {
  const { driveId, logs } = assignment;
  const { kind, contentType } = file;
  const below = logBlobName({ jobName: logs.jobName, driveId, at: now(), kind });
  const name = `${prefix}${below}` as BlobName;
  const content = { name, text: file.text(), contentType, blockBytes: LOG_BLOCK_BYTES };
  await writeText(container, content, signal);
  return container.urlOf(name);
}

function isClosed(error: unknown): boolean {
  return isStationError(
    error,
    'storage-denied',
    'account-disabled',
    'storage-unusable',
    'storage-clock-skew',
  );
}

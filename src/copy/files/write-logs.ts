import type { BlobContainer } from '../../blobs/contract.ts';
import { writeText } from '../../blobs/write-text.ts';
import type { BlobName } from '../../domain/blob-name.ts';
import type { DriveLogs } from '../../domain/verdict.ts';
import { throwIfCancelled } from '../../errors.ts';
import type { DriveLog } from '../../formats/drive-log.ts';
import { errorsOnly } from '../../formats/errors-only.ts';
import { type LogKind, logBlobName } from '../../formats/log-name.ts';
import { LOG_BLOCK_BYTES } from '../../limits.ts';
import { logPlace } from '../log-place.ts';
import { problemOfWriting } from '../log-writing.ts';
import type { FilesAssignment } from '../messages.ts';

export interface FileLogsOrder {
  readonly assignment: Pick<FilesAssignment, 'driveId' | 'logs' | 'plan' | 'storage'>;
  readonly log: DriveLog;
  /** The container of the drive's first blob, where the plan does not name one. */
  readonly blobsIn: string | undefined;
  /** The manifest's bytes, when it is there to be kept. */
  manifest?(): AsyncIterable<Uint8Array>;
  /** The table of the files of a tree. */
  list?(): AsyncIterable<string>;
  openLogContainer(name: string): Promise<BlobContainer>;
  now(): Date;
}

type Text = AsyncIterable<string | Uint8Array>;

/**
 * Writes what tells the customer how the copy went. As with images, the customer's bytes are safe by
 * now: what becomes of the logs is said beside the verdict and changes nothing in it. Throws `cancelled`,
 * and what the store refuses of the drive's blobs as well.
 */
export async function writeFileLogs(order: FileLogsOrder, signal: AbortSignal): Promise<DriveLogs> {
  throwIfCancelled(signal);
  const { assignment, log, manifest, list, blobsIn, openLogContainer } = order;
  const logs: { -readonly [Key in keyof DriveLogs]: DriveLogs[Key] } = {};
  const { container: logsIn, prefix } = logPlace(assignment, blobsIn);
  const writeAll = async (container: BlobContainer) => {
    const write = (kind: LogKind, contentType: string, text: Text) =>
      writeOne(order, { container, prefix, kind, contentType, text }, signal);
    // Loaded only here, as the XML library takes 20 MB.
    const { driveLogXml } = await import('../../formats/drive-log-writer.ts');
    logs.errorLogUri = await write('error', XML, driveLogXml(errorsOnly(log)));
    if (assignment.logs.level === 'Verbose') {
      logs.verboseLogUri = await write('verbose', XML, driveLogXml(log));
    }
    if (list !== undefined) logs.fileListUri = await write('files', CSV, list());
    if (manifest !== undefined && assignment.logs.backupManifest === true) {
      logs.manifestUri = await write('manifest', XML, manifest());
    }
  };
  const writing = { logsIn, blobsIn, openLogContainer, write: writeAll };
  const problem = await problemOfWriting(writing, signal);
  return problem === undefined ? logs : { ...logs, problem };
}

const XML = 'application/xml';
const CSV = 'text/csv; charset=utf-8';

interface OneLog {
  readonly container: BlobContainer;
  readonly prefix: string;
  readonly kind: LogKind;
  readonly contentType: string;
  readonly text: Text;
}

async function writeOne(
  { assignment, now }: FileLogsOrder,
  { container, prefix, kind, contentType, text }: OneLog,
  signal: AbortSignal,
): Promise<string> {
  const { driveId, logs } = assignment;
  const file = logBlobName({ jobName: logs.jobName, driveId, at: now(), kind });
  const name = `${prefix}${file}` as BlobName;
  await writeText(container, { name, text, contentType, blockBytes: LOG_BLOCK_BYTES }, signal);
  return container.urlOf(name);
}

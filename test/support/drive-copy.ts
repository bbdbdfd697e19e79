import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { StorageAccount } from '../../src/blobs/contract.ts';
import { openContainer } from '../../src/blobs/open.ts';
import { type CopyResult, runCopyProcess } from '../../src/copy/copy-process.ts';
import type { FilesAssignment, FromCopy } from '../../src/copy/messages.ts';
import type { BlobName } from '../../src/domain/blob-name.ts';
import type { LoopDisk } from '../../src/loopback/contract.ts';
import { wholeLog } from './drive-logs.ts';

/** The copy of the files of a plugged disk in its real process, into a directory. */

const never = new AbortController().signal;

export interface PluggedDrive {
  readonly disk: LoopDisk;
  readonly directory: string;
  readonly driveId: string;
  readonly prepared: NonNullable<FilesAssignment['prepared']>;
  readonly plan?: FilesAssignment['plan'];
}

export async function assignmentOf({
  disk,
  directory,
  driveId,
  prepared,
  plan = { kind: 'manifest' },
}: PluggedDrive): Promise<FilesAssignment> {
  const attribute = async (name: string) =>
    (await readFile(`/sys/block/${disk.name}/${name}`, 'utf8')).trim();
  const store = join(directory, 'store');
  await mkdir(store, { recursive: true });
  return {
    kind: 'assignment',
    ...{ copyId: 'copy-1', nonce: '00112233aabbccdd', driveId },
    disk: {
      devicePath: disk.device,
      diskseq: disk.diskseq,
      sizeBytes: Number(await attribute('size')) * 512,
      wwns: [],
      writesAtFirstSight: Number((await attribute('stat')).split(/\s+/u)[4]),
    },
    ...{ plan, prepared },
    storage: { kind: 'directory', directory: store },
    logs: { jobName: 'job_1', level: 'Verbose', path: '', backupManifest: true },
    journalFile: join(directory, 'journals', 'copy-1.journal'),
    readHangMs: 60_000,
  };
}

export function runDriveCopy(
  assignment: FilesAssignment,
  onMessage: (message: FromCopy) => void = () => undefined,
  signal: AbortSignal = never,
): Promise<CopyResult> {
  return runCopyProcess(assignment, { onMessage, onAbandoned: () => undefined }, signal);
}

/** The last log of a kind that was written into the store. */
export async function logIn(storage: StorageAccount, kind: 'error' | 'verbose') {
  const container = await openContainer(storage, 'waimportexport');
  const { items } = await container.listBlobs({ prefix: '' }, never);
  const names = items.map(({ name }) => name).filter((name) => name.endsWith(`_${kind}.xml`));
  const name = names.sort().at(-1) as BlobName;
  return await wholeLog(await Array.fromAsync(container.read(name, never)));
}

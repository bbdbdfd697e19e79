import { writeFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { waitInWords } from '../domain/hang-ladder.ts';
import {
  asStateDiskError,
  errnoOf,
  isOutOfResources,
  isStationError,
  messageOf,
  StationError,
} from '../errors.ts';
import { COPY_ALIVE_MS, FILES_PACE, PROGRESS_INTERVAL_MS } from '../limits.ts';
import { scrub } from '../scrub.ts';
import { ABANDONED_TOOLS } from '../volumes/tools.ts';
import { copyDrive, type Settled } from './copy-drive.ts';
import { SourceDevice } from './device.ts';
import { DiskWatch } from './disk-watch.ts';
import {
  type Assignment,
  abandonedTool,
  type FromCopy,
  isFilesAssignment,
  isImageAssignment,
  toCopySchema,
} from './messages.ts';
import { openPatiently } from './storage.ts';
import { StoreWord } from './store-word.ts';

/**
 * The copy process of one drive: the only process that opens that drive's disk, and one that can be
 * abandoned. It takes one assignment, says what happens, ends with `settled` or `failed`, and goes
 * when its daemon goes.
 */

/** Above every process that says nothing, below those that offer themselves (1000). */
const OOM_SCORE = 500;

const stop = new AbortController();
const report = progressCoalesced((message) => process.send?.(message));

process.on('uncaughtException', (error) => {
  // Node's own words would show all that an error carries, a request with its credential included.
  process.stderr.write(`${scrub(inspect(error))}\n`);
  process.exit(1);
});
ABANDONED_TOOLS.subscribe((told) => {
  report({ kind: 'tool-abandoned', ...abandonedTool.parse(told) });
});
process.on('disconnect', () => process.exit(1));
process.on('message', (raw) => {
  const message = toCopySchema.parse(raw);
  if (message.kind === 'stop') stop.abort();
  else void work(message);
});
preferToBeKilled();
report({ kind: 'ready' });

async function work(assignment: Assignment): Promise<void> {
  const disk = new DiskWatch();
  const watch = setInterval(() => watchDisk(assignment, disk), COPY_ALIVE_MS);
  try {
    disk.opening();
    const device = await SourceDevice.open(assignment.disk, stop.signal);
    disk.opened(device);
    try {
      if (assignment.spinUpMs !== undefined) await device.wake(assignment.spinUpMs, stop.signal);
      const settled = await copy(assignment, device, disk);
      report({ kind: 'settled', ...settled });
    } catch (error) {
      throw await ofDrive(device, assignment, error);
    } finally {
      // What hangs in a read hangs once more in the close.
      disk.closing();
      await device.close();
    }
  } catch (error) {
    report(failureOf(error));
  } finally {
    clearInterval(watch);
  }
  process.disconnect();
}

/**
 * What this process writes tells by itself that it could not be written. A bare I/O error is therefore
 * one of the volume on the drive, and the drive may have left.
 */
async function ofDrive(
  device: SourceDevice,
  { journalFile }: Assignment,
  error: unknown,
): Promise<unknown> {
  if (errnoOf(error) !== 'EIO') return asStateDiskError(journalFile, error);
  const gone = await device.proveReadable().catch((cause) => cause);
  if (gone !== undefined) return gone;
  const { devicePath } = device;
  const words = `the filesystem on ${devicePath} gives input/output errors`;
  const place = { devicePath, offsetBytes: 0, lengthBytes: 0, errno: 'EIO' };
  return new StationError('disk-read-failed', words, place, error);
}

async function copy(
  assignment: Assignment,
  device: SourceDevice,
  disk: DiskWatch,
): Promise<Settled> {
  const word = new StoreWord(report);
  const openLogContainer = (name: string) => openPatiently(assignment, name, { word });
  const { random } = Math;
  const parts = { openLogContainer, report, now: () => new Date(), random };
  if (isImageAssignment(assignment)) {
    const container = await openPatiently(assignment, assignment.plan.container, { word });
    const onReads = disk.copying.bind(disk);
    return await copyDrive(assignment, { device, container, onReads, ...parts }, stop.signal);
  }
  if (!isFilesAssignment(assignment)) throw noPlan();
  // Loaded only here: an image needs none of it.
  const { copyFiles } = await import('./files/copy-files.ts');
  const { contentTypeOf } = await import('./files/content-type.ts');
  const { driveOn, removeMountFolder } = await import('./files/prepared-drive.ts');
  const openContainer = (name: string) =>
    openPatiently(assignment, name, { word, pace: FILES_PACE });
  const drive = driveOn(device, assignment);
  const onOpen = disk.reading.bind(disk);
  const order = { ...parts, drive, openContainer, onOpen, contentTypeOf };
  const settled = await copyFiles(assignment, order, stop.signal);
  await removeMountFolder(assignment);
  return settled;
}

/** When memory runs out, one copy goes before the daemon does: it is taken up again from the store. */
function preferToBeKilled(): void {
  try {
    writeFileSync('/proc/self/oom_score_adj', String(OOM_SCORE));
  } catch {
    // The kernel then chooses by size, which is mostly the same.
  }
}

function noPlan(): StationError {
  const detail = 'the assignment has a plan that nobody carries out';
  return new StationError('internal-error', detail, { detail });
}

/** What hangs in the kernel can not be cancelled; the process says so, and is let go. */
function watchDisk({ disk: { devicePath }, readHangMs }: Assignment, disk: DiskWatch): void {
  const { given } = disk;
  const wait = disk.look();
  report({ kind: 'alive', wait, given });
  if (wait.kind === 'spin-up') return;
  const { offsetBytes } = wait;
  const waitedMs = Math.round(wait.waitedMs);
  if (waitedMs < readHangMs || disk.isGivenUp) return;
  const words = `${devicePath} has not answered ${waitInWords(wait)} for ${Math.round(waitedMs / 1000)} s`;
  const payload = { devicePath, waitedMs, ...(offsetBytes === null ? {} : { offsetBytes }) };
  const failure = failureOf(new StationError('disk-unresponsive', words, payload));
  void disk.giveUp(offsetBytes).then(() => report(failure));
}

function failureOf(error: unknown): FromCopy {
  if (isStationError(error)) {
    const { code, message, payload } = error;
    return { kind: 'failed', code, message, payload: { ...payload } };
  }
  const message = messageOf(error);
  if (isOutOfResources(error)) {
    const words = `the machine gave the copy process too little: ${message}`;
    return failureOf(new StationError('copy-process-starved', words, { detail: message }));
  }
  const detail = error instanceof Error ? scrub(error.stack ?? message) : message;
  return { kind: 'failed', code: 'internal-error', message, payload: { detail } };
}

/** Progress is told at most every `PROGRESS_INTERVAL_MS`; everything else at once and in order. */
function progressCoalesced(send: (message: FromCopy) => void): (message: FromCopy) => void {
  let waiting: FromCopy | undefined;
  let timer: NodeJS.Timeout | undefined;
  const flush = () => {
    timer = undefined;
    if (waiting !== undefined) send(waiting);
    waiting = undefined;
  };
  return (message) => {
    if (message.kind === 'progress') {
      waiting = message;
      timer ??= setTimeout(flush, PROGRESS_INTERVAL_MS);
      return;
    }
    clearTimeout(timer);
    flush();
    send(message);
  };
}

import { inspect } from 'node:util';
import { isStationError, messageOf, StationError } from '../errors.ts';
import { COPY_ALIVE_MS, PROGRESS_INTERVAL_MS } from '../limits.ts';
import { scrub } from '../scrub.ts';
import { copyDrive } from './copy-drive.ts';
import { SourceDevice } from './device.ts';
import { type Assignment, type FromCopy, toCopySchema } from './messages.ts';
import { openPatiently } from './storage.ts';

/**
 * The copy process of one drive: the only process that opens that drive's disk, and one that can be
 * abandoned. It takes one assignment, says what happens, ends with `settled` or `failed`, and goes
 * when its daemon goes.
 */

const stop = new AbortController();
const report = progressCoalesced((message) => process.send?.(message));

process.on('uncaughtException', (error) => {
  // Node's own words would show all that an error carries, a request with its credential included.
  process.stderr.write(`${scrub(inspect(error))}\n`);
  process.exit(1);
});
process.on('disconnect', () => process.exit(1));
process.on('message', (raw) => {
  const message = toCopySchema.parse(raw);
  if (message.kind === 'stop') stop.abort();
  else void work(message);
});
report({ kind: 'ready' });

async function work(assignment: Assignment): Promise<void> {
  const openingSince = performance.now();
  let device: SourceDevice | undefined;
  const waitedMs = () => device?.pendingReadMs ?? performance.now() - openingSince;
  const watch = setInterval(() => watchDisk(assignment, Math.round(waitedMs())), COPY_ALIVE_MS);
  try {
    device = await SourceDevice.open(assignment.disk, stop.signal);
    try {
      const openLogContainer = (name: string) => openPatiently(assignment, name, report);
      const container = await openPatiently(assignment, assignment.plan.container, report);
      const surroundings = { report, now: () => new Date(), random: Math.random };
      const parts = { device, container, openLogContainer, ...surroundings };
      report({ kind: 'settled', ...(await copyDrive(assignment, parts, stop.signal)) });
    } finally {
      clearInterval(watch);
      await device.close();
    }
  } catch (error) {
    report(failureOf(error));
  } finally {
    clearInterval(watch);
  }
  process.disconnect();
}

/** An open or a read that hangs can not be cancelled; the process says so, and is let go. */
function watchDisk({ disk, readHangMs }: Assignment, waitedMs: number): void {
  report({ kind: 'alive', oldestReadMs: waitedMs });
  if (waitedMs < readHangMs) return;
  const { devicePath } = disk;
  const words = `${devicePath} has not answered for ${Math.round(waitedMs / 1000)} s`;
  report(failureOf(new StationError('disk-unresponsive', words, { devicePath, waitedMs })));
}

function failureOf(error: unknown): FromCopy {
  if (isStationError(error)) {
    const { code, message, payload } = error;
    return { kind: 'failed', code, message, payload: { ...payload } };
  }
  const message = messageOf(error);
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

import { throwIfCancelled } from '../errors.ts';
import type { Attempt, RunnerDependencies } from './copy-attempt.ts';
import type { DiskHolder } from './disk-holders.ts';

/** A process that was left behind is looked for this often. */
const HOLDER_POLL_MS = 250;

/**
 * A process that was left behind has the disk open still: to open it beside would hang as well. Most
 * end within a moment; who does not let go in the time of a hang is answered.
 */
export async function untilLetGo(
  { item, disk, makeRoom }: Attempt,
  deps: Pick<RunnerDependencies, 'holders' | 'readHangMs' | 'onProgress' | 'sleep'>,
  signal: AbortSignal,
): Promise<DiskHolder | undefined> {
  const { holders, readHangMs } = deps;
  const stop = AbortSignal.any([signal, makeRoom]);
  for (let waitedMs = 0; ; waitedMs += HOLDER_POLL_MS) {
    throwIfCancelled(stop);
    const holder = holders.leftBehindOn(disk.diskseq);
    const isOver = holder === undefined;
    item.vitals?.waits({ kind: 'open', offsetBytes: null, waitedMs: isOver ? 0 : waitedMs });
    if (isOver || waitedMs >= readHangMs) return holder;
    deps.onProgress();
    await deps.sleep(HOLDER_POLL_MS, stop).catch(() => undefined);
  }
}

/** Why a disk that is there cannot be opened. */
export function leftBehindInWords({ pid, what, since }: DiskHolder): string {
  const process = what === 'copy' ? 'an earlier copy process' : what;
  return `${process} (${pid}) hangs in a read of this disk since ${since.slice(11, 16)} UTC; as long as it does, the disk cannot be opened.`;
}

import type { BlobEvidence, DriveLogs, Verdict } from '../domain/verdict.ts';
import { judge } from '../domain/verdict.ts';
import { throwIfCancelled } from '../errors.ts';
import { type BegunCopy, type CopyParts, closeCopy, noteFailure } from './begun-copy.ts';
import { copyBlobs } from './copy-blobs.ts';
import { imagePlanOf } from './image-plan.ts';
import { writeLogs } from './logs.ts';
import type { ImageAssignment } from './messages.ts';
import { provenCopy } from './prove-disk.ts';

/** What a copy comes to. */
export interface Settled {
  readonly verdict: Verdict;
  readonly logs: DriveLogs;
}

/**
 * The copy of one drive, from plan to verdict and logs, in whatever state an earlier attempt left it.
 * The order is the safety: plan before any byte moves, ask the store before believing the journal,
 * prove the disk before adding to what came from it, finish every good area before any bad one.
 */
export async function copyDrive(
  assignment: ImageAssignment,
  parts: CopyParts,
  signal: AbortSignal,
): Promise<Settled> {
  throwIfCancelled(signal);
  const { device, container, report } = parts;
  const plan = imagePlanOf(assignment.plan, { ...assignment, sizeBytes: device.sizeBytes });
  report({ kind: 'planned', plan });
  await container.ensure(signal);
  const copy = await provenCopy({ assignment, plan, parts }, signal);
  try {
    report({ kind: 'phase', phase: 'copying' });
    const evidence = await copyBlobs(copy, signal);
    report({ kind: 'phase', phase: 'settling' });
    const verdict = await finalVerdict(copy, evidence);
    const { sums } = copy.known;
    return { verdict, logs: await writeLogs(verdict, { ...parts, ...copy, sums }, signal) };
  } catch (error) {
    await noteFailure(copy, error);
    throw error;
  } finally {
    await closeCopy(copy);
  }
}

async function finalVerdict(
  { assignment, plan, isSecond, parts: { device } }: BegunCopy,
  blobs: readonly BlobEvidence[],
): Promise<Verdict> {
  await device.stillSame();
  const writes = await device.writesCompleted();
  const kernelWrites =
    writes === undefined ? undefined : writes - assignment.disk.writesAtFirstSight;
  return judge({ plannedBytes: plan.totalBytes, blobs, isSecond, kernelWrites });
}

import { type BlobPlan, blockCount, blockExtents, type Extent } from '../domain/plan.ts';

/** A block of the plan and where it lies on the disk. */
export interface PlannedBlock {
  readonly blob: BlobPlan;
  readonly index: number;
  readonly extent: Extent;
}

export function plannedBlock(blob: BlobPlan, index: number): PlannedBlock {
  return { blob, index, extent: placeOf(blob, index) };
}

/** Where a block of an image lies on the disk: in one piece. */
export function placeOf(blob: BlobPlan, index: number): Extent {
  const [extent] = blockExtents(blob, index);
  if (extent === undefined || index >= blockCount(blob)) throw new RangeError('no such block');
  return extent;
}

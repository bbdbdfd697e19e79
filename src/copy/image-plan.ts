import { safeSegment } from '../domain/blob-name.ts';
import type { ImagePlanRequest } from '../domain/job.ts';
import { type ImagePlan, type PlanRefusal, planImage } from '../domain/plan.ts';
import { StationError } from '../errors.ts';
import { PLAN_LIMITS } from '../limits.ts';

export interface PlannedDisk {
  readonly driveId: string;
  readonly sizeBytes: number;
}

/** Which bytes of the opened disk become which blobs. Throws `plan-impossible` before any has moved. */
export function imagePlanOf(
  request: ImagePlanRequest,
  { driveId, sizeBytes }: PlannedDisk,
): ImagePlan {
  const name = `${request.blobPrefix}${safeSegment(driveId)}.img`;
  const answer = planImage(sizeBytes, name, PLAN_LIMITS);
  if (answer.ok) return answer.plan;
  const reason = refusalInWords(answer.refusal);
  throw new StationError('plan-impossible', reason, { driveId, reason });
}

function refusalInWords(refusal: PlanRefusal): string {
  switch (refusal.why) {
    case 'empty-disk':
      return 'the disk has no size';
    case 'name-too-long':
      return `the blob name has more than ${refusal.maxLength} characters: ${refusal.name}`;
    case 'too-many-blocks':
      return `the image needs ${refusal.blocks} blocks, a blob takes ${refusal.max}`;
  }
}

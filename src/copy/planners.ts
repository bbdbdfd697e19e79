import { safeSegment } from '../domain/blob-name.ts';
import type { PlanRequest } from '../domain/job.ts';
import { type CopyPlan, type PlanRefusal, planImage } from '../domain/plan.ts';
import { StationError } from '../errors.ts';
import { PLAN_LIMITS } from '../limits.ts';
import type { SourceDevice } from './device.ts';

export interface PlanContext {
  readonly driveId: string;
  readonly device: SourceDevice;
}

/**
 * A planner looks at an opened drive and says which bytes become which blobs. There is one for each
 * kind of plan that a job can ask for; the pipeline carries out what any of them returns.
 */
export type Planner<Request extends PlanRequest> = (
  request: Request,
  context: PlanContext,
) => Promise<CopyPlan>;

const PLANNERS: { [Kind in PlanRequest['kind']]: Planner<Extract<PlanRequest, { kind: Kind }>> } = {
  image: async (request, { driveId, device }) => {
    const name = `${request.blobPrefix}${safeSegment(driveId)}.img`;
    const answer = planImage(device.sizeBytes, name, PLAN_LIMITS);
    if (answer.ok) return answer.plan;
    const reason = refusalInWords(answer.refusal);
    throw new StationError('plan-impossible', reason, { driveId, reason });
  },
};

/** Throws `plan-impossible` before any byte has moved. */
export function planFor(request: PlanRequest, context: PlanContext): Promise<CopyPlan> {
  return PLANNERS[request.kind](request, context);
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

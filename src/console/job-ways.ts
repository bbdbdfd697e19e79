import type { DriveView, JobView } from '../serve/wire.ts';

/** The ways in which a person can lead a job where it does not go by itself. */
export type JobWay =
  | 'check-in'
  | 'go-on'
  | 'take-as-shipped'
  | 'wait-longer'
  | 'stop-waiting'
  | 'put-aside'
  | 'cancel';

export const JOB_WAYS: { readonly [Way in JobWay]: string } = {
  'check-in': 'Check in another parcel',
  'go-on': 'Let it go on',
  'take-as-shipped': 'Take it as shipped',
  'wait-longer': 'Wait two more weeks',
  'stop-waiting': 'Stop waiting …',
  'put-aside': 'Put aside …',
  cancel: 'Cancel …',
};

const BEFORE_PACKAGING: readonly JobView['state'][] = [
  'Creating',
  'Shipping',
  'Received',
  'Transferring',
];

export function isFinished({ state }: JobView): boolean {
  return state === 'Completed' || state === 'Closed';
}

/** What is offered for a job as it is, in the order of the menu; the station decides what may be. */
export function waysOf(job: JobView, drives: readonly DriveView[]): JobWay[] {
  if (isFinished(job)) return [];
  const offered: { readonly [Way in JobWay]: boolean } = {
    'check-in': job.state === 'Packaging',
    'go-on': job.fault?.code === 'put-aside',
    'take-as-shipped': job.fault?.code === 'arrived-before-shipping',
    'wait-longer': isAwaited(job, drives),
    'stop-waiting': isAwaited(job, drives),
    'put-aside': job.state !== 'Faulted',
    cancel: BEFORE_PACKAGING.includes(job.publicState) && !job.cancelRequested,
  };
  const ways = Object.keys(offered).filter((way): way is JobWay => way in JOB_WAYS);
  return ways.filter((way) => offered[way]);
}

/** Something is still on the road: all of the job, or some of its drives. */
function isAwaited({ id, state }: JobView, drives: readonly DriveView[]): boolean {
  if (state === 'Shipping') return true;
  if (state !== 'Transferring') return false;
  return drives.some((drive) => drive.jobId === id && drive.state === 'Specified');
}

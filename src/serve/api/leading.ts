import { z } from 'zod';
import { JOB_STATES } from '../../domain/job-state.ts';
import type { JobWithDrives } from '../../ledger/contract.ts';
import type { Acting } from '../actions.ts';
import type { OperatorActions } from '../operator-actions.ts';
import { line, OF_JOB } from './fields.ts';
import { driveParams, inFull, jobParams } from './reading.ts';
import { type ActionRoute, bodyOf, defineAction } from './route.ts';
import { DONE, done, jobInFull } from './shapes.ts';

/** The routes by which operators lead a job or a drive where it does not go by itself. */

const reasonBody = z.strictObject({ reason: line(1000) });
const resolveBody = z.strictObject({
  to: z.enum(JOB_STATES).exactOptional().describe('The state that it had, when left out.'),
});

const ON_JOB = {
  method: 'POST',
  tag: 'jobs',
  params: jobParams,
  answer: jobInFull,
  errors: [...OF_JOB, 'transition-refused', 'job-change-refused'],
} as const;

/** The job as it is after it was led somewhere. */
async function led({ ledger }: Acting, leading: Promise<JobWithDrives>) {
  return inFull(ledger, (await leading).job);
}

export function leadingRoutes(actions: OperatorActions): ActionRoute[] {
  return [...waitingRoutes(actions), ...faultRoutes(actions)];
}

function waitingRoutes(actions: OperatorActions): ActionRoute[] {
  return [
    defineAction({
      ...ON_JOB,
      path: '/api/v1/jobs/:name/cancel',
      id: 'cancelJob',
      summary: 'Cancel a job for its customer',
      description: 'What is not begun is skipped; what is in transfer ends.',
      handle: ({ params }, by) => led(by, actions.cancelJob(params.name, by)),
    }),
    defineAction({
      ...ON_JOB,
      path: '/api/v1/jobs/:name/wait-longer',
      id: 'waitLonger',
      summary: 'The customer wants to wait for the missing parcel',
      handle: ({ params }, by) => led(by, actions.waitLonger(params.name, by)),
    }),
    defineAction({
      ...ON_JOB,
      path: '/api/v1/jobs/:name/stop-waiting',
      id: 'stopWaiting',
      summary: 'Nothing more will come of the job',
      description: 'What is missing is `NeverReceived`; a job of which nothing came is closed.',
      handle: ({ params }, by) => led(by, actions.stopWaiting(params.name, by)),
    }),
  ];
}

function faultRoutes(actions: OperatorActions): ActionRoute[] {
  return [
    defineAction({
      ...ON_JOB,
      path: '/api/v1/jobs/:name/put-aside',
      id: 'putAside',
      summary: 'Let nothing more of a job be begun',
      description: 'It is `Faulted` until somebody lets it go on.',
      body: bodyOf(reasonBody),
      handle: ({ params, body }, by) => led(by, actions.putAside(params.name, body.reason, by)),
    }),
    defineAction({
      ...ON_JOB,
      path: '/api/v1/jobs/:name/resolve',
      id: 'resolveJob',
      summary: 'Let a faulted job go on',
      body: bodyOf(resolveBody),
      handle: ({ params, body }, by) => led(by, actions.resolveJob(params.name, body.to, by)),
    }),
    defineAction({
      method: 'POST',
      path: '/api/v1/jobs/:name/drives/:driveId/end-without-copy',
      id: 'endWithoutCopy',
      tag: 'jobs',
      summary: 'End a drive that cannot be copied',
      description:
        'One that is faulted, or whose disk was pulled in mid-copy and is plugged in nowhere. What the store has of it and is in no blob yet is lost.',
      params: driveParams,
      body: bodyOf(reasonBody),
      answer: done,
      errors: [...OF_JOB, 'drive-not-found', 'transition-refused'],
      handle: async ({ params, body }, by) => {
        const drive = { jobName: params.name, driveId: params.driveId };
        await actions.endWithoutCopy(drive, body.reason, by);
        return DONE;
      },
    }),
  ];
}

import { z } from 'zod';
import { jobNamed } from '../../ledger/named.ts';
import type { OperatorActions } from '../operator-actions.ts';
import { extraDrive, parcel } from '../wire-parcels.ts';
import { idParams, OF_JOB, shipment } from './fields.ts';
import { jobName, jobParams } from './reading.ts';
import { bodyOf, defineAction, defineRead, type StationRoute } from './route.ts';

/** The routes of parcels that come in. */

const openBody = z.strictObject({
  shipment: shipment.exactOptional().describe('What the label says; can be added later.'),
});
const completeBody = z.strictObject({
  missing: z
    .enum(['never-received', 'come-later'])
    .describe('What is to become of listed drives that were not in it.'),
});

export function parcelRoutes(actions: OperatorActions): StationRoute[] {
  return [
    defineRead({
      path: '/api/v1/jobs/:name/parcels',
      id: 'listParcels',
      tag: 'parcels',
      summary: 'The parcels of a job, in and out',
      params: jobParams,
      answer: z.object({ parcels: z.array(parcel).readonly() }),
      errors: OF_JOB,
      handle: async ({ params }, ledger) => {
        const job = await jobNamed(ledger, params.name);
        return { parcels: await ledger.parcels.ofJob(job.id) };
      },
    }),
    defineAction({
      method: 'POST',
      path: '/api/v1/jobs/:name/check-in',
      id: 'openParcel',
      tag: 'parcels',
      summary: 'Begin to unpack a parcel of the job, or add its label',
      description: 'Disks that are plugged in until it is complete came in this parcel.',
      params: jobParams,
      body: bodyOf(openBody),
      answer: parcel,
      errors: [...OF_JOB, 'check-in-refused'],
      handle: ({ params, body }, by) => actions.openParcel(params.name, body.shipment, by),
    }),
    defineAction({
      method: 'POST',
      path: '/api/v1/check-in/complete',
      id: 'completeParcel',
      tag: 'parcels',
      summary: 'Say that the parcel is unpacked, and what is to become of what was missing',
      body: bodyOf(completeBody),
      answer: parcel,
      errors: ['check-in-refused'],
      handle: ({ body }, by) => actions.completeParcel(body.missing, by),
    }),
    defineAction({
      method: 'POST',
      path: '/api/v1/extras/:id/assign',
      id: 'assignExtra',
      tag: 'parcels',
      summary: 'Say whose parcel an extra drive came in; it goes back with that job',
      params: idParams,
      body: bodyOf(z.strictObject({ jobName })),
      answer: extraDrive,
      errors: [...OF_JOB, 'extra-not-found', 'job-change-refused'],
      handle: ({ params, body }, by) => actions.assignExtra(params.id, body.jobName, by),
    }),
    defineAction({
      method: 'POST',
      path: '/api/v1/extras/:id/taken-away',
      id: 'takeExtraAway',
      tag: 'parcels',
      summary: 'Say that an extra drive is not here any more, and went with no parcel',
      params: idParams,
      answer: extraDrive,
      errors: ['extra-not-found'],
      handle: ({ params }, by) => actions.takeExtraAway(params.id, by),
    }),
  ];
}

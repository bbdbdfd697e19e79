import { z } from 'zod';
import { isLost } from '../../domain/parcel.ts';
import { returnAddress } from '../../job-schema.ts';
import { MAX_DRIVES_PER_JOB } from '../../limits.ts';
import type { OperatorActions } from '../operator-actions.ts';
import { packing } from '../wire-parcels.ts';
import { line, OF_JOB, shipment } from './fields.ts';
import { inFull, jobParams } from './reading.ts';
import { bodyOf, defineAction, defineRead, type StationRoute } from './route.ts';
import { jobInFull } from './shapes.ts';

/** The routes of parcels that go back. */

const returnBody = shipment.extend({
  shipDate: line(40).exactOptional().describe('As the carrier’s paper says; today when left out.'),
  found: z
    .array(line(100))
    .max(MAX_DRIVES_PER_JOB)
    .exactOptional()
    .describe('Lost drives of the packing list that are in the parcel all the same.'),
});

export function returnRoutes(actions: OperatorActions): StationRoute[] {
  return [
    defineRead({
      path: '/api/v1/jobs/:name/packing',
      id: 'getPackingList',
      tag: 'parcels',
      summary: 'What goes into the parcel back, and what hinders it',
      params: jobParams,
      answer: packing,
      errors: OF_JOB,
      handle: async ({ params }, ledger) => {
        const { job, drives, extras, problems } = await actions.packingList(params.name, ledger);
        const { returnAddress: address = null, returnShipping = null } = job.details;
        return {
          ...{ jobId: job.id, jobName: job.name, returnAddress: address, returnShipping },
          drives: drives.map((drive) => ({
            driveId: drive.ref.driveId,
            state: drive.state.name,
            lost: isLost(drive),
          })),
          ...{ extras, problems },
        };
      },
    }),
    defineAction({
      method: 'POST',
      path: '/api/v1/jobs/:name/return',
      id: 'sendBack',
      tag: 'parcels',
      summary: 'Record that the parcel back was given to the carrier',
      description: 'Drives are `ShippedBack` and the job `Completed` or `Closed`, all at once.',
      params: jobParams,
      body: bodyOf(returnBody),
      answer: jobInFull,
      errors: [...OF_JOB, 'job-change-refused', 'job-change-incomplete'],
      handle: async ({ params, body }, by) =>
        inFull(by.ledger, (await actions.sendBack(params.name, body, by)).job),
    }),
    defineAction({
      method: 'PUT',
      path: '/api/v1/jobs/:name/return-address',
      id: 'setReturnAddress',
      tag: 'parcels',
      summary: 'Put in the return address that the customer gave',
      params: jobParams,
      body: bodyOf(returnAddress),
      answer: jobInFull,
      errors: [...OF_JOB, 'job-change-refused'],
      handle: async ({ params, body }, by) =>
        inFull(by.ledger, (await actions.setReturnAddress(params.name, body, by)).job),
    }),
  ];
}

import { z } from 'zod';
import type { DiskKey } from '../../domain/disk.ts';
import { parseJobObject, parseStorageObject } from '../../job-file.ts';
import { jobFileSchema } from '../../job-schema.ts';
import { jobStorageSchema } from '../../job-storage.ts';
import type { StationActions } from '../actions.ts';
import { OF_JOB } from './fields.ts';
import { driveParams, inFull, jobName, jobParams, name } from './reading.ts';
import { type ActionRoute, bodyOf, defineAction } from './route.ts';
import { DONE, done, jobInFull, ownStorage } from './shapes.ts';

/** The routes by which people and programs do something. */

const confirmBody = z.strictObject({
  disk: name
    .transform((key): DiskKey => key as DiskKey)
    .describe('The key of the attachment that the person looked at; a replug has another.'),
  jobName,
  driveId: name.describe('As on the label and in the job’s drive list.'),
});

export function actionRoutes(actions: StationActions): ActionRoute[] {
  return [...jobActions(actions), ...floorActions(actions)];
}

function jobActions(actions: StationActions): ActionRoute[] {
  return [
    defineAction({
      method: 'POST',
      path: '/api/v1/jobs',
      id: 'createJob',
      tag: 'jobs',
      summary: 'Make a job',
      body: { schema: jobFileSchema, read: (content) => parseJobObject(content, 'job') },
      answer: jobInFull,
      status: 201,
      errors: ['job-file-invalid', 'job-exists', 'storage-account-unknown'],
      location: 'id',
      handle: async ({ body }, by) => inFull(by.ledger, await actions.createJob(body, by)),
    }),
    defineAction({
      method: 'PUT',
      path: '/api/v1/jobs/:name/credential',
      id: 'replaceCredential',
      tag: 'jobs',
      summary: 'Renew the credential of a job that brings its own storage',
      description:
        'It leads to where the job’s blobs are. Copies use it from their next attempt on; drives that are faulted go on with Retry.',
      params: jobParams,
      body: {
        schema: jobStorageSchema,
        read: (content) => parseStorageObject(content, 'storage'),
      },
      answer: z.object({ ownStorage }),
      errors: [...OF_JOB, 'job-file-invalid', 'job-change-refused'],
      handle: async ({ params, body }, by) => ({
        ownStorage: await actions.replaceCredential(params.name, body, by),
      }),
    }),
    defineAction({
      method: 'POST',
      path: '/api/v1/jobs/:name/drives/:driveId/retry',
      id: 'retryDrive',
      tag: 'jobs',
      summary: 'Take a drive out of `Faulted`',
      description: 'Its copy goes on where it was.',
      params: driveParams,
      answer: done,
      errors: [...OF_JOB, 'drive-not-found', 'transition-refused'],
      handle: async ({ params }, by) => {
        await actions.retryDrive({ jobName: params.name, driveId: params.driveId }, by);
        return DONE;
      },
    }),
  ];
}

function floorActions(actions: StationActions): ActionRoute[] {
  return [
    defineAction({
      method: 'POST',
      path: '/api/v1/disks/confirm',
      id: 'confirmDisk',
      tag: 'disks',
      summary: 'Say which drive a disk is',
      description: 'A person read the label. Holds until the disk is pulled.',
      body: bodyOf(confirmBody),
      answer: done,
      errors: ['disk-not-found', ...OF_JOB, 'drive-not-found'],
      handle: async ({ body }, by) => {
        await actions.confirmDisk(body, by);
        return DONE;
      },
    }),
  ];
}

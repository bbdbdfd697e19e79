import { expect, test } from 'vitest';
import { logPlace } from '../../../src/copy/log-place.ts';
import { type Assignment, assignmentSchema } from '../../../src/copy/messages.ts';

const key = { kind: 'connection-string', connectionString: 'AccountName=a;AccountKey=b' } as const;
const sas = { kind: 'sas', blobEndpoint: 'https://a', sasToken: 'sig=x' } as const;
const jobKey = {
  kind: 'account-key',
  blobEndpoint: 'https://a',
  accountName: 'a',
  accountKey: 'b',
} as const;
const jobSas = {
  kind: 'container-sas',
  blobEndpoint: 'https://a',
  container: 'disks',
  sasToken: 'sig=x',
} as const;
const sasString = {
  kind: 'connection-string',
  connectionString: 'BlobEndpoint=https://a;SharedAccessSignature=sv=1&sig=x',
} as const;
const identity = { kind: 'default-credential', blobEndpoint: 'https://a' } as const;
const directory = { kind: 'directory', directory: '/srv/blobs' } as const;

function assignment(storage: Assignment['storage'], path: string): Assignment {
  return assignmentSchema.parse({
    kind: 'assignment',
    copyId: 'c',
    nonce: 'n',
    driveId: 'd',
    disk: { devicePath: '/dev/sdx', diskseq: 1, sizeBytes: 1, wwns: [], writesAtFirstSight: 0 },
    plan: { kind: 'image', container: 'disks', blobPrefix: '' },
    storage,
    logs: { jobName: 'job', level: 'Error', path },
    journalFile: '/j',
    readHangMs: 1,
  });
}

test.each([
  ['an account key', key, '', 'waimportexport', ''],
  ['an account key', key, 'logs', 'logs', ''],
  ['an account key', key, '/logs/of/jobs/', 'logs', 'of/jobs/'],
  ['the key of a job', jobKey, 'logs', 'logs', ''],
  ['the SAS of a job', jobSas, '', 'disks', 'waimportexport/'],
  ['the SAS of a job', jobSas, '/logs/of/jobs/', 'disks', 'logs/of/jobs/'],
  ['an identity', identity, 'logs', 'logs', ''],
  ['a directory', directory, '//', 'waimportexport', ''],
  ['a SAS', sas, '', 'disks', 'waimportexport/'],
  ['a SAS', sas, 'logs', 'disks', 'logs/'],
  ['a SAS in a connection string', sasString, 'logs/deep', 'disks', 'logs/deep/'],
] as const)('with %s the path %j is the container %j', (_, storage, path, container, prefix) => {
  expect(logPlace(assignment(storage, path))).toEqual({ container, prefix });
});

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { runCopyProcess } from '../../../src/copy/copy-process.ts';
import type { Assignment, FromCopy } from '../../../src/copy/messages.ts';

/** A real copy process to which the machine gives too little. */

const run = promisify(execFile);

const ASSIGNMENT: Assignment = {
  kind: 'assignment',
  ...{ copyId: 'copy-1', nonce: '00112233aabbccdd', driveId: 'S1' },
  disk: { devicePath: '/dev/null', diskseq: 1, sizeBytes: 1, wwns: [], writesAtFirstSight: 0 },
  plan: { kind: 'image', container: 'drives', blobPrefix: '' },
  storage: { kind: 'directory', directory: '/nonexistent' },
  logs: { jobName: 'job_1', level: 'Error', path: '', backupManifest: false },
  journalFile: '/nonexistent/copy-1.journal',
  readHangMs: 60_000,
};

test('a copy process without a descriptor left blames neither the disk nor itself', async () => {
  const ready = Promise.withResolvers<void>();
  const listener = {
    onStarted: async (pid: number) => {
      await ready.promise;
      await run('prlimit', ['--pid', String(pid), '--nofile=3:3']);
    },
    onMessage: ({ kind }: FromCopy) => {
      if (kind === 'ready') ready.resolve();
    },
    onAbandoned: () => undefined,
  };
  const result = await runCopyProcess(ASSIGNMENT, listener, new AbortController().signal);
  expect(result).toMatchObject({ kind: 'failed', failure: { code: 'copy-process-starved' } });
});

import { openSync } from 'node:fs';
import { runCopyProcess } from '../../src/copy/copy-process.ts';
import type { Assignment } from '../../src/copy/messages.ts';
import { UdevMonitor } from '../../src/detect/udev-monitor.ts';
import { isStationError } from '../../src/errors.ts';
import { runVolumeTool } from '../../src/volumes/tools.ts';

/** What the daemon does when it has no descriptor left, in a process that has none; says what came of it. */

const assignment: Assignment = {
  kind: 'assignment',
  ...{ copyId: 'copy-1', nonce: '00112233aabbccdd', driveId: 'S1' },
  disk: { devicePath: '/dev/x', diskseq: 1, sizeBytes: 1, wwns: [], writesAtFirstSight: 0 },
  plan: { kind: 'image', container: 'drives', blobPrefix: '' },
  storage: { kind: 'directory', directory: '/nonexistent' },
  logs: { jobName: 'job_1', level: 'Error', path: '', backupManifest: false },
  journalFile: '/nonexistent/copy-1.journal',
  readHangMs: 60_000,
};
const listener = { onMessage: () => undefined, onAbandoned: () => undefined };
const silent = { debug() {}, info() {}, warn() {}, error() {} };

try {
  while (true) openSync('/dev/null', 'r');
} catch {
  // There are no more.
}
const result = await runCopyProcess(assignment, listener, new AbortController().signal);
const told = result.kind === 'failed' ? result.failure.code : result.kind;
const monitor = new UdevMonitor(
  { command: 'true', controlSocket: '/dev/null' },
  { logger: silent, onEvent: () => undefined, onStateChange: () => undefined },
);
await monitor.start();
await monitor.close();
const call = { tool: 'true', args: [], input: Buffer.from('key') };
const tool = await runVolumeTool(call, new AbortController().signal).catch((error) =>
  isStationError(error, 'tool-failed') ? error.message : `threw ${error}`,
);
process.stderr.write(`${told}, ${monitor.listening}, ${tool}\n`);

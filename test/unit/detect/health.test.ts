import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { healthOf, probeHealth } from '../../../src/detect/health.ts';
import { runTool } from '../../../src/detect/tool.ts';

const never = new AbortController().signal;
const GUARD = fileURLToPath(new URL('../../../src/detect/guarded-tools/smartctl', import.meta.url));

/** Runs the guard before a stand-in for smartctl that notes each call. */
async function guarded(args: readonly string[]) {
  const directory = await mkdtemp(join(tmpdir(), 'drive-station-health-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const real = join(directory, 'smartctl');
  await writeFile(real, `#!/bin/sh\necho "$@" >> ${directory}/calls; echo answered\n`);
  await chmod(real, 0o755);
  const env = { DRIVE_STATION_SMART_DEVICE: '/dev/sdb', DRIVE_STATION_SMARTCTL: real };
  const answer = await runTool({ command: GUARD, args, env }, never);
  return { answer, calls: await readFile(join(directory, 'calls'), 'utf8').catch(() => '') };
}

describe('the guard before smartctl', () => {
  it('passes the disk that is probed on', async () => {
    const { answer, calls } = await guarded(['-a', '-j', '/dev/sdb']);
    expect([answer, calls]).toEqual(['answered\n', '-a -j /dev/sdb\n']);
  });

  it.each(['/dev/sda', '/dev/sdbb', '/dev/nvme0n1'])('never lets %s be asked', async (device) => {
    const { answer, calls } = await guarded(['-a', '-j', device]);
    expect(calls).toBe('');
    expect(JSON.parse(answer)).toEqual({ smartctl: { argv: [device] }, smart_status: {} });
  });

  it('never asks a second time in the short form', async () => {
    expect(await guarded(['-H', '/dev/sdb'])).toEqual({ answer: '', calls: '' });
  });
});

describe('health', () => {
  const layout = (smartStatus: string, temperature: number | null) => [
    { device: '/dev/sda', smartStatus: 'Predicted Failure', temperature: 70 },
    { device: '/dev/sdb', smartStatus, temperature },
  ];

  it.each([
    ['Ok', 34, { status: 'passed', temperatureC: 34 }],
    ['Ok', null, { status: 'passed' }],
    ['Predicted Failure', 61, { status: 'failing', temperatureC: 61 }],
    ['unknown', null, { status: 'unknown' }],
  ])('reads %s', (status, temperature, expected) => {
    expect(healthOf('/dev/sdb', layout(status, temperature))).toEqual(expected);
    expect(healthOf('/dev/sdc', layout(status, temperature))).toEqual({ status: 'unknown' });
  });

  it('is unknown for loop devices, for a disk that is not there and for a caller who gave up', async () => {
    const unknown = { status: 'unknown' };
    expect(await probeHealth({ devicePath: '/dev/loop3' }, never)).toEqual(unknown);
    expect(await probeHealth({ devicePath: '/dev/drive-station-none' }, never)).toEqual(unknown);
    expect(await probeHealth({ devicePath: '/dev/sdb' }, AbortSignal.abort())).toEqual(unknown);
  });
});

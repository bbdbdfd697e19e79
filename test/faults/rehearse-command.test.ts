import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listPlugged, plug } from '../../native-fixtures/loop-disk.ts';
import { listLoops } from '../../src/loopback/loop-device.ts';
import { runTool } from '../../src/loopback/run-tool.ts';
import { rehearsalUnavailable } from '../../src/rehearsal/run.ts';
import { start } from '../support/command-line.ts';
import { Daemon } from '../support/daemon.ts';
import { kernelReads, MIB, makeImage } from '../support/disks.ts';
import { remainsAfter } from '../support/processes.ts';

/** `drive-station rehearse` beside a station at work: what it must never touch, and how it ends. */

const SCRATCH = /^drive-station-rehearsal-/u;
/** As in the rehearsal that is played: a foreign disk with the same serial is the worst neighbour. */
const SERIAL = 'WD-WCC4N7XKPZ01';
const ENDS_WITHIN_MS = 20_000;

const unavailable = await rehearsalUnavailable();
if (unavailable !== undefined) {
  process.stdout.write(`SKIPPED: the command that rehearses is not tested: ${unavailable}\n`);
}

describe.skipIf(unavailable !== undefined)('rehearse', () => {
  let temporary: string;
  beforeAll(async () => {
    temporary = await mkdtemp(join(tmpdir(), 'drive-station-rehearse-test-'));
  });
  afterAll(() => rm(temporary, { recursive: true }));

  const rehearse = (...args: string[]) => start(['rehearse', ...args], { TMPDIR: temporary });
  const scratches = async () => (await readdir(temporary)).filter((name) => SCRATCH.test(name));
  const ourLoops = async () =>
    (await listLoops()).filter(({ backingFile }) => backingFile.startsWith(`${temporary}/`));

  /** A rehearsal in the middle of its copy, with the name of its scratch directory. */
  async function inMidCopy() {
    const run = rehearse('pull-and-replug');
    await expect.poll(run.output).toContain('is being copied');
    const [name = ''] = await scratches();
    return { ...run, name };
  }

  it.each(['SIGINT', 'SIGTERM'] as const)('cleans up after %s and says so', async (signal) => {
    const { child, ended, name } = await inMidCopy();
    child.kill(signal);
    expect(await ended).toMatchObject({ code: 1, stderr: expect.stringContaining('cleaned up') });
    expect(await scratches()).toEqual([]);
    expect(await ourLoops()).toEqual([]);
    expect(await remainsAfter(name, ENDS_WITHIN_MS)).toEqual([]);
  });

  it('is cleaned up after SIGKILL by the next run, and a run at work is left alone', async () => {
    const killed = await inMidCopy();
    killed.child.kill('SIGKILL');
    await killed.ended;
    expect(await scratches()).toEqual([killed.name]);
    const [atWork, next] = [rehearse('weak-sector', '--json'), rehearse('weak-sector', '--json')];
    const both = await Promise.all([atWork.ended, next.ended]);
    expect(both.map(({ stderr }) => stderr)).toEqual(['', '']);
    expect(both).toMatchObject([{ code: 0 }, { code: 0 }]);
    expect(await scratches()).toEqual([]);
    expect(await ourLoops()).toEqual([]);
    expect(await remainsAfter(killed.name, ENDS_WITHIN_MS)).toEqual([]);
  });

  it('lets a trainee look at the page and put the disk back himself', async () => {
    const { child, ended, output } = rehearse('pull-and-replug', '--console', '--hands-on');
    child.stdout.on('data', (text: Buffer) => {
      if (text.includes('Press Enter')) child.stdin.write('\n');
    });
    const asked = /now you +In another terminal: drive-station (loopback .+)\n/u;
    await expect.poll(output).toMatch(asked);
    const page = /its console is (\S+)/u.exec(output())?.[1] ?? '';
    expect(await (await fetch(page)).text()).toContain('<title>');
    const command = asked.exec(output())?.[1]?.split(' ') ?? [];
    expect(await start(command).ended).toMatchObject({ code: 0 });
    expect(await ended).toMatchObject({ code: 0, stdout: expect.stringContaining('1 of 1 went') });
    expect(await ourLoops()).toEqual([]);
  });

  it('neither sees nor reads other disks, and a station beside it does not see its disks', async () => {
    // Its loopback directory even holds the rehearsal's.
    await using daemon = await Daemon.start({ storageAccounts: {}, under: temporary });
    const image = await makeImage(daemon.disksDirectory, { serial: SERIAL, sizeBytes: 4 * MIB });
    await using foreign = await plug(image);
    await daemon.until(({ disks }) => disks.some(({ serial }) => serial === SERIAL), 'seen');
    const before = await kernelReads(foreign.name);
    const seen = new Set<string>();
    daemon.onView(({ disks }) => {
      for (const { devicePath } of disks) seen.add(devicePath);
    });

    const inside = join(daemon.disksDirectory, 'temporary');
    await mkdir(inside);
    const run = start(['rehearse', 'weak-sector', '--json'], { TMPDIR: inside });
    let rehearsed: string[] = [];
    await expect
      .poll(async () => {
        rehearsed = (await listLoops())
          .filter(({ backingFile }) => backingFile.startsWith(inside))
          .map(({ name }) => `/dev/${name}`);
        return rehearsed;
      })
      .toHaveLength(1);
    const { code, stdout } = await run.ended;
    expect(JSON.parse(stdout)).toMatchObject({ ok: true, outcomes: [{ name: 'weak-sector' }] });
    expect(code).toBe(0);
    expect([...seen]).not.toContain(rehearsed[0]);
    expect(await kernelReads(foreign.name)).toEqual(before);
    expect(await listPlugged(daemon.disksDirectory)).toHaveLength(1);
  });

  it('refuses where there is no space', async () => {
    const small = await mkdtemp(join(temporary, 'small-'));
    await runTool('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'rehearse-test', small]);
    try {
      const { code, stderr } = await start(['rehearse', '--all'], { TMPDIR: small }).ended;
      expect(stderr).toContain('bytes are free for temporary files');
      expect(code).toBe(1);
    } finally {
      await runTool('umount', [small]);
    }
  });
});

import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { configSchema } from '../../src/config.ts';
import { runTool } from '../../src/loopback/run-tool.ts';
import type { DriveView } from '../../src/serve/wire.ts';
import { type Azurite, startAzurite } from '../support/azurite.ts';
import { MIB } from '../support/disks.ts';
import { Rig } from '../support/rig.ts';

/** How fast a pull is noticed; whatever else can happen to a plugged disk is in the catalogue of faults. */

const SERIAL = 'WD-WCC4N7XKPZ01';
const SIZE = 160 * MIB;
const NOTICED_WITHIN_MS = 1000;
/** What a second is like where a process starts no slower than so; a busy machine has longer ones. */
const PROCESS_START_MS = 20;

let azurite: Azurite;
let rig: Rig;
let jobs = 0;

beforeAll(async () => {
  azurite = await startAzurite();
});
afterAll(() => azurite.stop());
afterEach(() => rig[Symbol.asyncDispose]());

async function startRig(options: Parameters<typeof Rig.start>[2] = {}): Promise<Rig> {
  jobs++;
  rig = await Rig.start(azurite, `detach-${jobs}`, options);
  return rig;
}

/** When the kernel began to show no disk there any more; a failing one is there for a while yet. */
async function whenGone(name: string): Promise<number> {
  while ((await readFile(`/sys/block/${name}/size`, 'utf8')).trim() !== '0') await sleep(10);
  return performance.now();
}

/** How much slower than that processes start while something is waited for; at least 1. */
async function slownessDuring(waiting: Promise<unknown>): Promise<number> {
  let isOver = false;
  const over = waiting.finally(() => {
    isOver = true;
  });
  let slowestMs = PROCESS_START_MS;
  while (!isOver) {
    const begun = performance.now();
    await runTool('true', []);
    slowestMs = Math.max(slowestMs, performance.now() - begun);
    await sleep(50);
  }
  await over;
  return slowestMs / PROCESS_START_MS;
}

describe('a disk pulled in mid-copy', () => {
  it.each(['clean-eof', 'io-error'] as const)(
    'is noticed within a second (%s) and goes on in another bay',
    async (kind) => {
      // As it is delivered: what is noticed must not hang on how often a test scans.
      const { settleMs, scanIntervalMs } = configSchema.parse({}).detect;
      await startRig({ detect: { settleMs, scanIntervalMs } });
      const image = await rig.image({ serial: SERIAL, sizeBytes: SIZE });
      const disk = await rig.plug(image, { bay: 'left' });
      rig.proxy.holdAfter(1);
      await rig.createJob(SERIAL);
      await rig.underWay(SERIAL);
      const gone = whenGone(disk.name);
      const pulled = disk.pull(kind);
      const isDetached = ({ activity }: DriveView) => activity.kind === 'detached';
      const noticed = rig.daemon
        .untilDrive(SERIAL, isDetached, 'detached')
        .then(() => performance.now());
      const withinMs = NOTICED_WITHIN_MS * (await slownessDuring(noticed));
      expect((await noticed) - (await gone)).toBeLessThan(withinMs);
      expect(rig.daemon.drive(SERIAL)).toMatchObject({
        state: 'Transferring',
        activity: { bay: 'left' },
      });
      await pulled;
      rig.proxy.open();
      await rig.plug(image, { bay: 'right', avoid: [disk.name] });
      await rig.arrived(SERIAL, image);
      expect(rig.daemon.drive(SERIAL)?.bay).toBe('right');
      const { count } = await rig.ledger();
      expect({ attempts: count('copy-attempt-begun'), faults: count('faulted') }).toEqual({
        attempts: 2,
        faults: 0,
      });
    },
  );
});

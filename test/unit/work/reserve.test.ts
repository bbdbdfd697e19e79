import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { stateDiskFailed } from '../../../src/errors.ts';
import { EMERGENCY_BYTES } from '../../../src/limits.ts';
import { EmergencySlice } from '../../../src/work/emergency-slice.ts';
import { Reserve } from '../../../src/work/reserve.ts';
import { Troubles } from '../../../src/work/troubles.ts';
import { TEST_TIME } from '../../support/ledger.ts';
import { CAN_MOUNT, type SmallDisk, smallDisk } from '../../support/small-disk.ts';

/** The room of the state directory on a disk that is really full and really read-only. */

const MIB = 1024 * 1024;
const INTERVAL_MS = 20;

async function aReserve(reserveBytes = 0, place = 'station.reserve') {
  const small = await smallDisk(32 * MIB);
  const said: string[] = [];
  const looks: boolean[] = [];
  const logger = {
    info: (_: object, words: string) => void said.push(words),
    warn: (_: object, words: string) => void said.push(words),
  };
  const troubles = new Troubles({ logger, now: () => TEST_TIME, onChange: () => undefined });
  const slice = new EmergencySlice(join(small.path, place));
  const reserve = new Reserve({
    ...{ reserveBytes, intervalMs: INTERVAL_MS, directory: '/state', slice, troubles, logger },
    look: async () => ({ mountpoint: small.path, availableBytes: await small.freeBytes() }),
    onChange: () => void looks.push(reserve.below),
  });
  reserve.start();
  onTestFinished(async () => {
    reserve.close();
    await small[Symbol.asyncDispose]();
  });
  return { small, troubles, slice, reserve, said, looks };
}

const full = ({ path }: SmallDisk) => stateDiskFailed(join(path, 'copy.journal'), 'full');

describe.skipIf(!CAN_MOUNT)('the room of the state directory', () => {
  it('has a slice that nobody else can take', async () => {
    const { slice, small } = await aReserve();
    await expect.poll(() => slice.isHeld).toBe(true);
    expect(await small.freeBytes()).toBeLessThanOrEqual(32 * MIB - EMERGENCY_BYTES);
  });

  it('holds copies while the disk is full, names it and what to free, and lets them go by itself', async () => {
    const { small, slice, reserve, troubles } = await aReserve();
    await expect.poll(() => slice.isHeld).toBe(true);
    await small.disk.fill();
    slice.release();
    reserve.failed(full(small));
    const words = `The file system of ${small.path} (/state) is full. Make room until 8 MiB are free.`;
    expect(troubles.holdsCopies).toContain(words);
    expect(troubles.alerts).toMatchObject([{ kind: 'state-disk', subject: {} }]);
    // What the slice leaves free is no end of it: the next copy would use that up.
    await expect.poll(() => reserve.freeBytes).toBe(EMERGENCY_BYTES);
    expect(troubles.holdsCopies).toContain(words);
    await small.disk.makeRoom();
    await expect.poll(() => troubles.holdsCopies).toBeUndefined();
    expect(slice.isHeld).toBe(true);
    expect(troubles.alerts).toEqual([]);
  });

  it('waits for the whole reserve where one is configured', async () => {
    const { small, reserve, troubles } = await aReserve(16 * MIB);
    await small.write('other', 20 * MIB);
    await expect.poll(() => reserve.below).toBe(true);
    reserve.failed(full(small));
    expect(troubles.holdsCopies).toContain('until 16 MiB are free');
    await small.write('other', 6 * MIB);
    await expect.poll(() => troubles.holdsCopies).toBeUndefined();
  });

  it('finds out by writing that a read-only disk can be written again', async () => {
    const { small, slice, reserve, troubles } = await aReserve();
    await expect.poll(() => slice.isHeld).toBe(true);
    await small.disk.readOnly(true);
    reserve.failed(stateDiskFailed('/state', 'read-only'));
    expect(troubles.holdsCopies).toContain('is read-only');
    await expect.poll(() => reserve.freeBytes).not.toBeNull();
    expect(troubles.has('state-disk')).toBe(true);
    await small.disk.readOnly(false);
    await expect.poll(() => troubles.has('state-disk')).toBe(false);
  });

  it('tells what it saw also when the slice cannot be taken for another reason than the disk', async () => {
    const { small, looks, said, troubles } = await aReserve(16 * MIB, 'no-such-directory/slice');
    await expect.poll(() => looks.at(-1)).toBe(false);
    await small.write('other', 20 * MIB);
    await expect.poll(() => looks.at(-1)).toBe(true);
    expect(troubles.holdsCopies).toBeUndefined();
    const words = 'the emergency room could not be taken';
    expect(said.filter((each) => each === words)).toHaveLength(1);
  });

  it('holds copies that the machine gives no process, until it gives one', async () => {
    const { reserve, troubles } = await aReserve();
    reserve.failed(Object.assign(new Error('spawn EMFILE'), { code: 'EMFILE' }));
    expect(troubles.alerts).toMatchObject([{ kind: 'cannot-start-copies' }]);
    expect(troubles.holdsCopies).toContain('spawn EMFILE');
    await expect.poll(() => troubles.holdsCopies).toBeUndefined();
  });
});

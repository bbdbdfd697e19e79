import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { KernelLog } from '../../../src/copy/kernel-log.ts';
import { KERNEL_LINES_KEPT } from '../../../src/limits.ts';

/** The kernel's own log: whoever may write to it can say something about a disk that nobody has. */

const NAME = `sd${randomBytes(4).toString('hex')}`;
const monotonicMs = () => Number(process.hrtime.bigint() / 1_000_000n);

function canWrite(): boolean {
  try {
    writeFileSync('/dev/kmsg', `<7>drive-station: a test of the kernel log, ${NAME}\n`);
    return true;
  } catch {
    return false;
  }
}

const say = (words: string) => writeFileSync('/dev/kmsg', `<7>${words}\n`);
const line = (sector: number) =>
  `critical medium error, dev ${NAME}, sector ${sector} op 0x0:(READ)`;

const writable = canWrite();
if (!writable) process.stdout.write('SKIPPED: the kernel log cannot be written to here\n');

test.skipIf(!writable)(
  'tells the last lines about the disk since the moment, and no others',
  async () => {
    say(line(1));
    await expect
      .poll(async () => (await new KernelLog(NAME, 0).lines())?.length)
      .toBeGreaterThan(0);
    // The kernel's clock of the log and the monotonic one drift apart, by some dozen milliseconds in a day.
    await new Promise((resolve) => setTimeout(resolve, 2000));
    const since = monotonicMs() - 1000;
    say('critical medium error, dev sdother, sector 9');
    for (let sector = 10; sector < 20; sector++) say(line(sector));
    const lines = (await new KernelLog(NAME, since).lines()) ?? [];
    const expected = Array.from({ length: KERNEL_LINES_KEPT }, (_, index) =>
      line(20 - KERNEL_LINES_KEPT + index),
    );
    expect(lines).toEqual(expected);
    expect(await new KernelLog(NAME, monotonicMs() + 60_000).lines()).toEqual([]);
  },
);

test('says nothing where there is no log', async () => {
  expect(await new KernelLog(NAME, 0, '/dev/no-such-log').lines()).toBeUndefined();
});

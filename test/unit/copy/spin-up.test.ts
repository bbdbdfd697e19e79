import { describe, expect, it } from 'vitest';
import { type Sleeper, SpinUp } from '../../../src/copy/spin-up.ts';
import { StationError } from '../../../src/errors.ts';

const LIMIT_MS = 60_000;

/** A disk that turns its platters for so long, on a clock that only this test moves. */
class SleepingDisk implements Sleeper {
  nowMs = 1000;
  tries = 0;
  isOffline = false;
  readonly clock = {
    now: () => this.nowMs,
    sleep: async (milliseconds: number) => {
      this.nowMs += milliseconds;
    },
  };
  readonly stop = new AbortController();
  readonly spinUp: SpinUp;
  readonly waits: (number | undefined)[] = [];
  #awakeAtMs: number;

  constructor(spinsUpForMs: number) {
    this.#awakeAtMs = this.nowMs + spinsUpForMs;
    this.spinUp = new SpinUp(LIMIT_MS, this, this.stop.signal, this.clock);
  }

  fallsAsleep(spinsUpForMs: number): void {
    this.#awakeAtMs = this.nowMs + spinsUpForMs;
  }

  async isAwake(): Promise<boolean> {
    this.tries += 1;
    this.waits.push(this.spinUp.waitedMs);
    return this.nowMs >= this.#awakeAtMs;
  }

  async isThere(): Promise<boolean> {
    return !this.isOffline;
  }
}

describe('waiting for a disk that sleeps', () => {
  it('costs an awake one a single read, and no more while it is busy', async () => {
    const disk = new SleepingDisk(0);
    await disk.spinUp.ready();
    for (let read = 0; read < 100; read++) {
      disk.nowMs += 30_000;
      disk.spinUp.noteRead();
      await disk.spinUp.ready();
    }
    expect(disk.tries).toBe(1);
  });

  it('goes on through errors until it reads, and says for how long', async () => {
    const disk = new SleepingDisk(12_000);
    await disk.spinUp.ready();
    expect(disk.nowMs).toBe(13_000);
    expect(disk.waits.slice(0, 3)).toEqual([0, 1000, 2000]);
    expect(disk.spinUp.waitedMs).toBeUndefined();
  });

  it('begins anew after a rest', async () => {
    const disk = new SleepingDisk(0);
    await disk.spinUp.ready();
    disk.nowMs += 3_600_000;
    disk.fallsAsleep(8000);
    await disk.spinUp.ready();
    expect(disk.tries).toBe(1 + 9);
  });

  it('ends at the limit, and is called a spin-up no longer', async () => {
    const disk = new SleepingDisk(Number.POSITIVE_INFINITY);
    await disk.spinUp.ready();
    expect(disk.nowMs).toBe(1000 + LIMIT_MS);
  });

  it('is no spin-up any more when the disk holds its first read past the limit', async () => {
    const disk = new SleepingDisk(0);
    const answer = Promise.withResolvers<boolean>();
    disk.isAwake = () => answer.promise;
    const ready = disk.spinUp.ready();
    disk.nowMs += LIMIT_MS - 1;
    expect(disk.spinUp.waitedMs).toBe(LIMIT_MS - 1);
    disk.nowMs += 1;
    expect(disk.spinUp.waitedMs).toBeUndefined();
    answer.resolve(true);
    await ready;
  });

  it('is not done for a disk that the kernel has given up, and not for one that left', async () => {
    const offline = new SleepingDisk(5000);
    offline.isOffline = true;
    await offline.spinUp.ready();
    expect(offline.tries).toBe(1);
    const gone = new SleepingDisk(5000);
    const error = new StationError('disk-gone', 'gone', { devicePath: '/dev/sdb', offsetBytes: 0 });
    gone.isThere = () => Promise.reject(error);
    await expect(gone.spinUp.ready()).rejects.toBe(error);
  });

  it('ends when the copy is stopped', async () => {
    const disk = new SleepingDisk(5000);
    disk.clock.sleep = async () => disk.stop.abort();
    await expect(disk.spinUp.ready()).rejects.toMatchObject({ code: 'cancelled' });
  });
});

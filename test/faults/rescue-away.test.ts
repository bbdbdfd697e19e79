import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { faultDiskUnavailable } from '../../native-fixtures/fault-disk.ts';
import { BlobProxy } from '../../src/rehearsal/blob-proxy.ts';
import { startAzurite } from '../support/azurite.ts';
import { bad, RescueBench } from '../support/rescue.ts';

/** A sick disk is pulled while blocks of it are on their way to a store that does not answer. */

const BLOCK = 8 * 1024 * 1024;
/** Sectors that take minutes to try, and blocks behind them that the fast copy leaves out. */
const PLACE = { offsetBytes: BLOCK / 2, lengthBytes: 256 * 1024 };
/** The kernel gets 2 s to take the disk away; the rest is for a busy machine. */
const TOLD_WITHIN_MS = 20_000;

const unavailable = faultDiskUnavailable();

describe.skipIf(unavailable !== undefined)('a rescue whose store is away', () => {
  it('ends when its disk is pulled, and waits for no answer of the store', async () => {
    const azurite = await startAzurite();
    await using proxy = await BlobProxy.start(azurite.blobEndpoint);
    await using bench = await RescueBench.create(6 * BLOCK, [
      bad(PLACE.offsetBytes, PLACE.lengthBytes),
      { kind: 'delay', ...PLACE, delayMs: 300 },
    ]);
    try {
      const connectionString = proxy.connectionString(azurite.connectionString);
      const over = { storage: { kind: 'connection-string', connectionString } } as const;
      let staged = Number.POSITIVE_INFINITY;
      const copy = bench.copy(
        (message) => {
          if (message.kind !== 'rescuing' || staged !== Number.POSITIVE_INFINITY) return;
          staged = proxy.staged.length;
          proxy.holdAfter(0);
        },
        { over },
      );
      while (proxy.staged.length <= staged) await sleep(20);
      await bench.disk.disk.pull('io-error');
      const late = sleep(TOLD_WITHIN_MS, 'it still waits', { ref: false });
      expect(await Promise.race([copy, late])).toMatchObject({
        kind: 'failed',
        failure: { code: 'disk-gone' },
      });
    } finally {
      proxy.open();
      await azurite.stop();
    }
  });
});

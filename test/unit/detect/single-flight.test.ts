import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SingleFlight } from '../../../src/detect/single-flight.ts';

describe('single flight', () => {
  it('never runs twice at once, and every call gets a run that began after it', async () => {
    const ticks = fc.nat(4);
    await fc.assert(
      fc.asyncProperty(fc.array(ticks, { minLength: 1 }), ticks, async (gaps, lasting) => {
        let running = 0;
        let begun = 0;
        const flight = new SingleFlight(async () => {
          running += 1;
          begun += 1;
          expect(running).toBe(1);
          await pass(lasting);
          running -= 1;
        });
        const calls: Promise<void>[] = [];
        for (const gap of gaps) {
          const before = begun;
          calls.push(flight.run().then(() => expect(begun).toBeGreaterThan(before)));
          await pass(gap);
        }
        await Promise.all(calls);
        expect(running).toBe(0);
      }),
    );
  });

  it('shares one further run among all calls during a run', async () => {
    let runs = 0;
    const { promise, resolve } = Promise.withResolvers<void>();
    const flight = new SingleFlight(async () => {
      runs += 1;
      await promise;
    });
    const calls = Array.from({ length: 10 }, () => flight.run());
    resolve();
    await Promise.all(calls);
    expect(runs).toBe(2);
  });

  it('goes on after a run that failed', async () => {
    let runs = 0;
    const flight = new SingleFlight(async () => {
      runs += 1;
      if (runs === 1) throw new TypeError('the first run fails');
    });
    const [first, second] = await Promise.allSettled([flight.run(), flight.run()]);
    expect([first.status, second.status]).toEqual(['rejected', 'fulfilled']);
  });
});

/** Lets that many turns of the microtask queue go by. */
async function pass(turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await Promise.resolve();
}

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Slots } from '../../../src/blobs/slots.ts';

const live = () => new AbortController().signal;

/** One who asks for a slot, holds it for some turns of the scheduler, or loses patience. */
interface Asker {
  readonly arrivesAfter: number;
  readonly holdTurns: number;
  /** Turns after which the signal fires; `null` never. */
  readonly cancelAfter: number | null;
}

const askers = fc.array(
  fc.record({
    arrivesAfter: fc.nat({ max: 8 }),
    holdTurns: fc.nat({ max: 5 }),
    cancelAfter: fc.option(fc.nat({ max: 8 }), { nil: null }),
  }),
  { maxLength: 30 },
);

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise(setImmediate);
}

describe('slots', () => {
  it('never gives out more than there are, and every asker settles', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 4 }), askers, async (count, all) => {
        const slots = new Slots(count);
        let held = 0;
        let most = 0;
        const ask = async ({ arrivesAfter, holdTurns, cancelAfter }: Asker) => {
          await turns(arrivesAfter);
          const controller = new AbortController();
          if (cancelAfter !== null) void turns(cancelAfter).then(() => controller.abort());
          using _slot = await slots.take(controller.signal);
          most = Math.max(most, ++held);
          await turns(holdTurns);
          held--;
        };
        const ends = await Promise.allSettled(all.map(ask));
        expect(most).toBeLessThanOrEqual(count);
        expect(held).toBe(0);
        for (const [index, end] of ends.entries()) {
          if (all[index]?.cancelAfter === null) expect(end.status).toBe('fulfilled');
          else if (end.status === 'rejected')
            expect(end.reason).toMatchObject({ code: 'cancelled' });
        }
        // None was lost on the way: all of them can be held together again.
        await Promise.all(Array.from({ length: count }, () => slots.take(live())));
      }),
      { numRuns: 60 },
    );
  });

  it('serves askers in the order in which they came', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 4 }), fc.nat({ max: 20 }), async (count, more) => {
        const slots = new Slots(count);
        const served: number[] = [];
        const ask = async (index: number) => {
          using _slot = await slots.take(live());
          served.push(index);
          await turns(1);
        };
        const all = Array.from({ length: count + more }, (_, index) => index);
        await Promise.all(all.map(ask));
        expect(served).toEqual(all);
      }),
      { numRuns: 60 },
    );
  });

  it('gives a slot back once, however often it is disposed of', async () => {
    const slots = new Slots(1);
    const slot = await slots.take(live());
    slot[Symbol.dispose]();
    slot[Symbol.dispose]();
    await slots.take(live());
    const second = slots.take(AbortSignal.timeout(20));
    await expect(second).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('refuses to be made without a slot', () => {
    expect(() => new Slots(0)).toThrow(expect.objectContaining({ code: 'internal-error' }));
  });
});

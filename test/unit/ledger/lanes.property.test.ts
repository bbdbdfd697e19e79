import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Condition, type Lane, Lanes } from '../../../src/ledger/lanes.ts';

/** Any order of what can happen in the lanes: nobody is lost, and no lane is fuller than it may be. */

const IDS = ['a', 'b', 'c', 'd', 'e', 'f'];
const FAST = 2;
const SICK = 1;

type Step =
  | { readonly do: 'enter'; readonly id: string; readonly lane: Lane }
  | { readonly do: 'leave' | 'stop'; readonly id: string }
  | { readonly do: 'turn'; readonly id: string; readonly condition: Condition };

const id = fc.constantFrom(...IDS);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('enter'), id, lane: fc.constantFrom<Lane>('fast', 'sick') }),
  fc.record({ do: fc.constantFrom('leave', 'stop'), id }),
  fc.record({
    do: fc.constant('turn'),
    id,
    condition: fc.constantFrom<Condition>('well', 'sick', 'hanging'),
  }),
);

/** One that asked for a place: it waits, or it runs and its condition is known. */
interface Guest {
  readonly stop: AbortController;
  runs: boolean;
  condition: Condition;
}

it('nobody is lost and no lane is too full, after any steps', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const lanes = new Lanes(
        { concurrent: FAST, sickConcurrent: SICK, sickTurnMs: 1 },
        { evict: () => undefined, slept: () => new Promise(() => undefined) },
      );
      const guests = new Map<string, Guest>();
      for (const next of steps) {
        take(lanes, guests, next);
        await settled();
        expectBounds(guests);
      }
      await expectAllServed(lanes, guests);
    }),
    { numRuns: 300 },
  );
});

function take(lanes: Lanes, guests: Map<string, Guest>, next: Step): void {
  const guest = guests.get(next.id);
  if (next.do === 'enter') {
    if (guest !== undefined) return;
    const condition = next.lane === 'fast' ? 'well' : 'sick';
    const fresh: Guest = { stop: new AbortController(), runs: false, condition };
    guests.set(next.id, fresh);
    void lanes.enter(next.id, next.lane, fresh.stop.signal).then(() => {
      fresh.runs = !fresh.stop.signal.aborted;
    });
    return;
  }
  if (guest === undefined) return;
  if (next.do === 'turn') {
    if (!guest.runs) return;
    const stays = lanes.move(next.id, next.condition);
    if (stays) guest.condition = next.condition;
    else end(lanes, guests, next.id);
  } else end(lanes, guests, next.id);
}

function end(lanes: Lanes, guests: Map<string, Guest>, name: string): void {
  guests.get(name)?.stop.abort();
  lanes.leave(name);
  guests.delete(name);
}

/** Who hung and is well again may be one too many; who was sick waits for its place among the well. */
function expectBounds(guests: ReadonlyMap<string, Guest>): void {
  const running = [...guests.values()].filter(({ runs }) => runs);
  const sick = running.filter(({ condition }) => condition === 'sick');
  expect(sick.length).toBeLessThanOrEqual(SICK);
}

/** When all that run have ended, again and again, everyone who waited had a place. */
async function expectAllServed(lanes: Lanes, guests: Map<string, Guest>): Promise<void> {
  for (let round = 0; round <= IDS.length && guests.size > 0; round++) {
    const running = [...guests].filter(([, { runs }]) => runs);
    expect(running).not.toEqual([]);
    for (const [name] of running) end(lanes, guests, name);
    await settled();
  }
  expect(guests.size).toBe(0);
}

async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

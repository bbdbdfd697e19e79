import { expect, it, onTestFinished } from 'vitest';
import { EventKeeper, type EventKeeperDependencies } from '../../../src/work/event-keeper.ts';

function aKeeper(keep: () => Promise<string[]>) {
  const said: string[] = [];
  const state = { below: false, hasTrouble: false };
  const dependencies: EventKeeperDependencies = {
    quota: { keep },
    troubles: { has: () => state.hasTrouble },
    reserve: {
      get below() {
        return state.below;
      },
    },
    logger: { info: (_, words) => said.push(words), warn: (_, words) => said.push(words) },
  };
  const keeper = new EventKeeper({ intervalMs: 5 }, dependencies);
  onTestFinished(() => keeper.close());
  return { keeper, state, said };
}

it('keeps the event log within its quota from the start on, and tells of each archive', async () => {
  let rounds = 0;
  const { keeper, said } = aKeeper(async () => (++rounds === 1 ? ['one', 'two'] : []));
  keeper.start();
  await expect.poll(() => rounds).toBeGreaterThan(2);
  expect(said).toEqual(Array(2).fill('the oldest events left the ledger'));
});

it.each(['below', 'hasTrouble'] as const)(
  'writes no archive while the disk is %s',
  async (what) => {
    let rounds = 0;
    const { keeper, state } = aKeeper(async () => {
      rounds++;
      return [];
    });
    state[what] = true;
    keeper.start();
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(rounds).toBe(0);
    state[what] = false;
    await expect.poll(() => rounds).toBeGreaterThan(0);
  },
);

it('says once why it cannot, and goes on trying', async () => {
  let rounds = 0;
  const { keeper, said } = aKeeper(async () => {
    rounds++;
    throw new Error('no room');
  });
  keeper.start();
  await expect.poll(() => rounds).toBeGreaterThan(3);
  expect(said).toEqual(['the event log keeps growing']);
});

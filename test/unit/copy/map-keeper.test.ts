import { expect, test } from 'vitest';
import { MapKeeper } from '../../../src/copy/map-keeper.ts';

/** A state that is written when the test says so. */
function bench() {
  const written: number[] = [];
  const writes: PromiseWithResolvers<void>[] = [];
  const medium = { state: 0, written, writes };
  const keeper = new MapKeeper(() => {
    const taken = medium.state;
    return async () => {
      const write = Promise.withResolvers<void>();
      writes.push(write);
      await write.promise;
      written.push(taken);
    };
  });
  return { medium, keeper };
}

test('what is written is the state at the moment it was asked for, one write at a time', async () => {
  const { medium, keeper } = bench();
  medium.state = 1;
  await keeper.begin();
  medium.state = 2;
  await keeper.begin();
  medium.state = 3;
  expect(medium.writes).toHaveLength(1);
  medium.writes[0]?.resolve();
  await expect.poll(() => medium.writes.length).toBe(2);
  medium.writes[1]?.resolve();
  await keeper.ended();
  expect(medium.written).toEqual([1, 2]);
});

test('of the states that wait for a long write the latest alone is written', async () => {
  const { medium, keeper } = bench();
  for (medium.state = 1; medium.state <= 4; medium.state++) await keeper.begin();
  medium.writes[0]?.resolve();
  await expect.poll(() => medium.writes.length).toBe(2);
  medium.writes[1]?.resolve();
  await keeper.ended();
  expect(medium.written).toEqual([1, 4]);
});

test('none is due while one is written, nor soon after for what costs nothing to repeat', async () => {
  const { medium, keeper } = bench();
  expect(keeper.isDue(true)).toBe(true);
  await keeper.begin();
  expect(keeper.isDue(true)).toBe(false);
  medium.writes[0]?.resolve();
  await keeper.ended();
  expect(keeper.isDue(false)).toBe(false);
});

test('a write that failed is heard of by whoever comes next, and nothing is written any more', async () => {
  const { medium, keeper } = bench();
  await keeper.begin();
  await keeper.begin();
  medium.writes[0]?.reject(new RangeError('full'));
  await expect(keeper.ended()).rejects.toThrow('full');
  await expect(keeper.begin()).rejects.toThrow('full');
  await expect(keeper.ended()).rejects.toThrow('full');
  expect(medium.writes).toHaveLength(1);
});

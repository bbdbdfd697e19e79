import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NameLocks } from '../../../../src/copy/files/names.ts';

const never = new AbortController().signal;

test('one name has one holder at a time, in the order of asking', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 20 }), async (names) => {
      const locks = new NameLocks();
      const holders = new Map<string, number>();
      const order: number[] = [];
      const hold = async (name: string, index: number) => {
        using _lock = await locks.take(name, never);
        expect(holders.get(name) ?? 0).toBe(0);
        holders.set(name, 1);
        await new Promise((resolve) => setImmediate(resolve));
        holders.set(name, 0);
        order.push(index);
      };
      await Promise.all(names.map(hold));
      for (const name of ['a', 'b', 'c']) {
        const ofName = order.filter((index) => names[index] === name);
        expect(ofName).toEqual([...ofName].sort((one, other) => one - other));
      }
    }),
  );
});

test('who gives up waiting leaves the name to the next one', async () => {
  const locks = new NameLocks();
  const first = await locks.take('a', never);
  const stop = new AbortController();
  const second = locks.take('a', stop.signal);
  const third = locks.take('a', never);
  stop.abort();
  await expect(second).rejects.toMatchObject({ code: 'cancelled' });
  first[Symbol.dispose]();
  using _held = await third;
});

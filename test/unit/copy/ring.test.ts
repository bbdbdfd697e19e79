import { expect, test } from 'vitest';
import { BufferRing } from '../../../src/copy/ring.ts';

const MIB = 1024 * 1024;
const never = new AbortController().signal;

test('slots are page-aligned, do not overlap and are as many as fit', async () => {
  const ring = new BufferRing(4 * MIB, 16 * MIB);
  const slots = await Promise.all([1, 2, 3, 4].map(() => ring.acquire(never)));
  const offsets = slots.map((slot) => slot.offsetBytes).sort((a, b) => a - b);
  expect(offsets.every((offset) => offset % 4096 === 0)).toBe(true);
  expect(new Set(offsets.map((offset) => Math.floor(offset / (4 * MIB)))).size).toBe(4);
});

test('who finds no slot waits until one is released, in turn', async () => {
  const ring = new BufferRing(8 * MIB, 8 * MIB);
  const slot = await ring.acquire(never);
  const order: string[] = [];
  const waitAs = async (name: string) => {
    const given = await ring.acquire(never);
    order.push(name);
    return given;
  };
  const first = waitAs('first');
  const second = waitAs('second');
  await Promise.resolve();
  expect(order).toEqual([]);
  ring.release(slot);
  ring.release(await first);
  await second;
  expect(order).toEqual(['first', 'second']);
});

test('a cancelled wait leaves the queue and takes no slot', async () => {
  const ring = new BufferRing(8 * MIB, 8 * MIB);
  const slot = await ring.acquire(never);
  const cancel = new AbortController();
  const waiting = ring.acquire(cancel.signal);
  cancel.abort();
  await expect(waiting).rejects.toMatchObject({ code: 'cancelled' });
  ring.release(slot);
  await expect(ring.acquire(never)).resolves.toBe(slot);
});

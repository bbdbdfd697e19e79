import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GroupSync } from '../../../src/blobs/group-sync.ts';

/** A disk that takes a moment to force, and writes down what a power cut would have left. */
function slowDisk() {
  let changes = 0;
  const forced: { readonly path: string; readonly covers: number }[] = [];
  const syncs = new GroupSync(async (path) => {
    const covers = changes;
    await new Promise((resolve) => setImmediate(resolve));
    forced.push({ path, covers });
  });
  const change = () => ++changes;
  return { syncs, forced, change };
}

describe('forcing to the disk together', () => {
  it('serves all who ask while it is busy with the next time', async () => {
    const { syncs, forced, change } = slowDisk();
    await Promise.all(
      Array.from({ length: 1000 }, () => {
        change();
        return syncs.sync('/blobs');
      }),
    );
    expect(forced.map(({ covers }) => covers)).toEqual([1, 1000]);
  });

  it('keeps apart what is forced in different places', async () => {
    const { syncs, forced } = slowDisk();
    await Promise.all(['/a', '/b', '/a'].map((path) => syncs.sync(path)));
    expect(forced.map(({ path }) => path)).toEqual(['/a', '/b', '/a']);
  });

  it('never says that a change is safe which a power cut would still take', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat({ max: 4 }), { maxLength: 60 }), async (turns) => {
        const { syncs, forced, change } = slowDisk();
        const safe = turns.map(async (pauses) => {
          for (let pause = 0; pause < pauses; pause++) await new Promise(setImmediate);
          const own = change();
          await syncs.sync('/blobs');
          expect(Math.max(...forced.map(({ covers }) => covers))).toBeGreaterThanOrEqual(own);
        });
        await Promise.all(safe);
      }),
    );
  });

  it('tells a failure to those whom it concerns, and goes on', async () => {
    let times = 0;
    const syncs = new GroupSync(async () => {
      if (++times === 1) throw new RangeError('disk on fire');
    });
    const ends = await Promise.allSettled([syncs.sync('/a'), syncs.sync('/a')]);
    expect(ends.map((end) => end.status)).toEqual(['rejected', 'fulfilled']);
    await syncs.sync('/a');
    expect(times).toBe(3);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyChanges } from '../../../src/console/apply.ts';
import { Feed } from '../../../src/serve/feed.ts';
import { inKeyOrder } from '../../../src/serve/view.ts';
import { type StationView, serverMessage, stationView } from '../../../src/serve/wire.ts';
import { alertView } from '../../support/desk-views.ts';
import {
  busyView,
  copyingDrive,
  diskView,
  driveView,
  emptyView,
  jobView,
  stationInfo,
} from '../../support/views.ts';

const ids = ['a', 'b', 'c', 'd'];
const subset = <T>(make: (id: string, share: number) => T) =>
  fc
    .dictionary(fc.constantFrom(...ids), fc.double({ min: 0, max: 1, noNaN: true }))
    .map((chosen) => Object.entries(chosen).map(([id, share]) => make(id, share)));

/** Views in which entities come, go and change, so that one step of a run can be any difference. */
const anyView: fc.Arbitrary<StationView> = fc.record({
  station: fc.constantFrom('one', 'two').map((name) => stationInfo({ name })),
  jobs: subset((id, share) => jobView({ id, percentComplete: Math.round(share * 100) })),
  drives: subset((id, share) => copyingDrive(id, 'Bay 1', share)),
  disks: subset((id, share) => diskView(`Bay ${Math.round(share)}`, { key: id })),
  alerts: subset((id, share) => alertView({ id, reason: `${Math.round(share)}` })),
});

describe('Feed', () => {
  it('snapshot and later deltas give the last view, for any sequence of views', () => {
    fc.assert(
      fc.property(fc.array(anyView, { minLength: 1, maxLength: 12 }), fc.nat(), (views, pick) => {
        const feed = new Feed({ epoch: 'e' }, emptyView());
        const joinAt = pick % views.length;
        let client = feed.snapshot();
        views.forEach((view, index) => {
          feed.publish(view);
          if (index === joinAt) client = feed.snapshot();
        });
        const missed = feed.since(client.sequence);
        if (missed === 'too-old') throw new RangeError('the ring is longer than the run');
        const rebuilt = missed.reduce((view, d) => applyChanges(view, d.changes), client.view);
        expect(rebuilt).toEqual(inKeyOrder(views.at(-1) ?? emptyView()));
      }),
    );
  });

  it('numbers deltas without a gap and emits none when nothing changed', () => {
    fc.assert(
      fc.property(fc.array(anyView, { maxLength: 10 }), (views) => {
        const feed = new Feed({ epoch: 'e' }, emptyView());
        const seen: number[] = [];
        feed.subscribe((delta) => seen.push(delta.sequence));
        for (const view of views) {
          feed.publish(view);
          const reordered = { ...view, drives: view.drives.toReversed() };
          expect(feed.publish(reordered)).toBeUndefined();
        }
        expect(seen).toEqual(seen.map((_, index) => index + 1));
      }),
    );
  });

  it('says too-old beyond the ring, for the future and for another epoch', () => {
    const feed = new Feed({ epoch: 'now', ringSize: 2 }, emptyView());
    for (let n = 1; n <= 4; n++) {
      feed.publish({ ...emptyView(), station: stationInfo({ freeBytes: n }) });
    }
    expect(feed.since(1)).toBe('too-old');
    expect(feed.since(5)).toBe('too-old');
    expect(feed.since(4)).toEqual([]);
    const missed = feed.since(2);
    expect(missed === 'too-old' ? [] : missed.map((delta) => delta.sequence)).toEqual([3, 4]);
    expect(feed.sinceCursor({ epoch: 'before', sequence: 4 })).toBe('too-old');
  });

  it('sends only the entity that changed', () => {
    const before = { ...emptyView(), drives: [driveView('A'), driveView('B')] };
    const feed = new Feed({ epoch: 'e' }, before);
    const delta = feed.publish({
      ...before,
      drives: [driveView('A'), copyingDrive('B', 'Bay 1', 0.5)],
    });
    expect(delta?.changes.map((change) => [change.entity, change.op, change.key])).toEqual([
      ['drive', 'put', 'job-1/B'],
    ]);
  });

  it('a listener that left hears nothing more', () => {
    const feed = new Feed({ epoch: 'e' }, emptyView());
    let heard = 0;
    const leave = feed.subscribe(() => {
      heard += 1;
    });
    feed.publish(busyView());
    leave();
    feed.publish(emptyView());
    expect(heard).toBe(1);
  });
});

describe('the wire schemas', () => {
  it('pass a busy view through JSON unchanged', () => {
    const view = busyView();
    expect(stationView.parse(JSON.parse(JSON.stringify(view)))).toEqual(view);
  });

  it('pass every delta of a run through JSON unchanged', () => {
    const feed = new Feed({ epoch: 'e' }, emptyView());
    for (const view of [busyView(), emptyView()]) {
      const delta = feed.publish(view);
      expect(serverMessage.parse(JSON.parse(JSON.stringify(delta)))).toEqual(delta);
    }
  });
});

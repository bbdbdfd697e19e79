import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Link, type LinkUpdate, type SocketEvents } from '../../../src/console/link.ts';
import { Feed } from '../../../src/serve/feed.ts';
import {
  type ClientMessage,
  clientMessage,
  type ServerMessage,
  type StationView,
} from '../../../src/serve/wire.ts';
import { emptyView, stationInfo } from '../../support/views.ts';

/** The far end of a link under test: what was said to it, and a way to speak and to hang up. */
interface Line {
  readonly events: SocketEvents;
  readonly heard: ClientMessage[];
  dropped: boolean;
}

function setUp() {
  const lines: Line[] = [];
  const updates: LinkUpdate[] = [];
  const link = new Link(
    { silenceMs: 1000, firstRetryMs: 100, maxRetryMs: 800 },
    {
      connect(events) {
        const line: Line = { events, heard: [], dropped: false };
        lines.push(line);
        return {
          send: (text) => line.heard.push(clientMessage.parse(JSON.parse(text))),
          drop() {
            line.dropped = true;
          },
        };
      },
      read: (data) => (data === 'garbage' ? undefined : (data as ServerMessage)),
      onUpdate: (update) => updates.push(update),
      random: () => 1,
    },
  );
  const line = () => {
    const last = lines.at(-1);
    if (last === undefined) throw new RangeError('the link never connected');
    return last;
  };
  return { link, lines, line, updates };
}

const withFree = (freeBytes: number): StationView => ({
  ...emptyView(),
  station: stationInfo({ freeBytes }),
});

const helloOf = (epoch: string): ServerMessage => ({
  type: 'hello',
  protocol: 1,
  station: { name: 's', version: '1' },
  epoch,
});

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('Link', () => {
  it('asks for what it missed when it sees a gap, and stays on the old view until then', () => {
    const { link, line, updates } = setUp();
    const feed = new Feed({ epoch: 'e' }, emptyView());
    link.start();
    line().events.opened();
    line().events.received(helloOf('e'));
    line().events.received(feed.snapshot());
    const deltas = [1, 2, 3].map((n) => feed.publish(withFree(n)));
    line().events.received(deltas[0]);
    line().events.received(deltas[2]);
    expect(line().heard.at(-1)).toEqual({ type: 'resume', epoch: 'e', sequence: 1 });
    expect(updates.at(-1)?.view?.station.freeBytes).toBe(1);
    for (const delta of [deltas[0], deltas[1], deltas[2]]) line().events.received(delta);
    expect(updates.at(-1)?.view).toEqual(feed.view);
    link.stop();
  });

  it('says on a new connection where it was, and takes over a new run of the daemon', () => {
    const { link, lines, line, updates } = setUp();
    link.start();
    line().events.opened();
    expect(line().heard).toEqual([{ type: 'hello', protocol: [1, 1] }]);
    line().events.received(helloOf('old'));
    line().events.received(new Feed({ epoch: 'old' }, withFree(1)).snapshot());
    line().events.closed('restart');
    vi.advanceTimersByTime(100);
    line().events.opened();
    const resume = { epoch: 'old', sequence: 0 };
    expect(line().heard).toEqual([{ type: 'hello', protocol: [1, 1], resume }]);
    line().events.received(helloOf('new'));
    expect(updates.at(-1)?.status.kind).toBe('lost');
    line().events.received(new Feed({ epoch: 'new' }, withFree(2)).snapshot());
    expect(updates.at(-1)).toMatchObject({ status: { kind: 'live' } });
    expect(updates.at(-1)?.view?.station.freeBytes).toBe(2);
    expect(lines).toHaveLength(2);
    link.stop();
  });

  it('tries for ever, with a pause that grows to its cap and starts anew after success', () => {
    const { link, lines, line } = setUp();
    link.start();
    const pauses: number[] = [];
    for (let attempt = 0; attempt < 50; attempt++) {
      const before = lines.length;
      line().events.closed('refused');
      let waited = 0;
      while (lines.length === before && waited < 2000) {
        vi.advanceTimersByTime(10);
        waited += 10;
      }
      pauses.push(waited);
    }
    expect(pauses.slice(0, 5)).toEqual([100, 200, 400, 800, 800]);
    expect(Math.max(...pauses)).toBe(800);
    line().events.received(new Feed({ epoch: 'e' }, emptyView()).snapshot());
    line().events.closed('again');
    const before = lines.length;
    vi.advanceTimersByTime(100);
    expect(lines).toHaveLength(before + 1);
    link.stop();
  });

  it('drops a station that goes silent or talks garbage', () => {
    const { link, line, lines, updates } = setUp();
    link.start();
    const first = line();
    vi.advanceTimersByTime(1000);
    expect(first.dropped).toBe(true);
    expect(updates.at(-1)?.status.kind).toBe('lost');
    vi.advanceTimersByTime(200);
    expect(lines).toHaveLength(2);
    line().events.received('garbage');
    expect(line().dropped).toBe(true);
    // The end of a connection that was given up is no second loss.
    const told = updates.length;
    first.events.closed('late');
    expect(updates).toHaveLength(told);
    link.stop();
  });

  it('tries at once when it is told to, and not at all once it is stopped', () => {
    const { link, line, lines } = setUp();
    link.start();
    line().events.closed('gone');
    link.retryNow();
    expect(lines).toHaveLength(2);
    link.retryNow();
    expect(lines).toHaveLength(2);
    link.stop();
    expect(line().dropped).toBe(true);
    line().events.closed('gone');
    vi.advanceTimersByTime(60_000);
    expect(lines).toHaveLength(2);
  });
});

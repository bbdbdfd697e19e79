import { PassThrough } from 'node:stream';
import { setImmediate as soon } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Storyteller } from '../../../src/rehearsal/narrate.ts';

const FOREVER = new AbortController().signal;

let input: PassThrough;
let printed: string[];
let teller: Storyteller;

function begin(options: { pauses?: boolean; handsOn?: boolean }): void {
  const print = (line: string) => void printed.push(line);
  const now = () => new Date(2026, 10, 23, 7, 5, 9);
  const all = { pauses: false, handsOn: false, ...options };
  teller = new Storyteller(all, { print, now, input });
}

beforeEach(() => {
  input = new PassThrough();
  printed = [];
});
afterEach(() => teller[Symbol.dispose]());

describe('a rehearsal that is told', () => {
  it('has the time, and who did or said what', async () => {
    begin({});
    teller.tell({ kind: 'station', words: 'unplugged' });
    teller.tell({ kind: 'technician', words: 'Put it back.' });
    await teller.pause(FOREVER);
    expect(printed).toEqual(['07:05:09  station  unplugged', '07:05:09  you      Put it back.']);
    expect(teller.ask).toBeUndefined();
  });

  it('waits for Enter, each time anew', async () => {
    begin({ pauses: true });
    let went = 0;
    const going = (async () => {
      await teller.pause(FOREVER);
      went = 1;
      await teller.pause(FOREVER);
      went = 2;
    })();
    await soon();
    expect(went).toBe(0);
    input.write('\n');
    while (went < 1) await soon();
    await soon();
    expect(went).toBe(1);
    input.write('\n');
    await going;
    expect(printed[0]).toContain('Press Enter to go on');
  });

  it('goes on when nobody can press Enter any more', async () => {
    begin({ pauses: true });
    const waiting = teller.pause(FOREVER);
    input.end();
    await waiting;
    await teller.pause(FOREVER);
  });

  it('ends while it waits when it is interrupted', async () => {
    begin({ pauses: true });
    const stop = new AbortController();
    const waiting = teller.pause(stop.signal);
    stop.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('tells a trainee what to do himself', () => {
    begin({ handsOn: true });
    teller.ask?.('press Retry');
    expect(printed).toEqual(['07:05:09  now you  press Retry']);
  });
});

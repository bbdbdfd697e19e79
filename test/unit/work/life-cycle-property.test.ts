import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DRIVE_TRANSITIONS } from '../../../src/domain/drive-state.ts';
import type { JobId } from '../../../src/domain/job.ts';
import { isFinished, JOB_TRANSITIONS, nextJobState } from '../../../src/domain/job-state.ts';
import { stopWaiting } from '../../../src/domain/life-cycle.ts';
import { endedWithoutCopy } from '../../../src/domain/verdict.ts';
import { isStationError } from '../../../src/errors.ts';
import { DAY_MS } from '../../support/clock.ts';
import { ADDRESS, FEDEX, refOf, Years } from '../../support/years.ts';

/** The life cycle under whatever happens, in any order and at any time. */

let years: Years;
beforeEach(async () => {
  years = await Years.begin();
});
afterEach(() => years[Symbol.asyncDispose]());

/**
 * What can happen to jobs, in any order and at any time. What the tables refuse is refused and
 * logged; whatever happens, no job hangs for ever unless an alert asks a person for it.
 */
type Happening =
  | { readonly what: 'days'; readonly days: number }
  | { readonly what: 'ship' | 'cancel' | 'send-back' | 'wait' | 'stop-waiting' | 'put-aside' }
  | { readonly what: 'go-on' | 'address' }
  | {
      readonly what: 'arrive' | 'start' | 'verify' | 'fault' | 'retry' | 'give-up' | 'missing';
      readonly drive: string;
    };

const happening: fc.Arbitrary<Happening> = fc.oneof(
  fc.record({
    what: fc.constant('days' as const),
    days: fc.constantFrom(0.5, 3, 13, 15, 31, 91),
  }),
  fc.record({
    what: fc.constantFrom(
      ...(['ship', 'cancel', 'send-back', 'wait', 'stop-waiting'] as const),
      ...(['put-aside', 'go-on', 'address'] as const),
    ),
  }),
  fc.record({
    what: fc.constantFrom(
      ...(['arrive', 'start', 'verify', 'fault', 'retry', 'give-up', 'missing'] as const),
    ),
    drive: fc.constantFrom('A1', 'B2'),
  }),
);

async function happen(id: JobId, event: Happening): Promise<void> {
  const ref = refOf(id, 'drive' in event ? event.drive : 'A1');
  const fault = {
    code: 'x',
    reason: 'r',
    nextStep: 'n',
    since: '',
    publicState: 'Received',
  } as const;
  const verdict = endedWithoutCopy('DiskOperationFailed', 'It does not read.');
  switch (event.what) {
    case 'days':
      return years.clock.advance(event.days * DAY_MS);
    case 'ship':
      await years.ledger.updateJob(id, { ship: true }, 'customer');
      return;
    case 'cancel':
      await years.ledger.updateJob(id, { cancelRequested: true }, 'customer');
      return;
    case 'address':
      await years.ledger.setReturnAddress(id, ADDRESS, 'sam');
      return;
    case 'send-back':
      await years.ledger.parcels.sendBack(id, FEDEX, 'sam');
      return;
    case 'wait':
      await years.ledger.waitLonger(id, 'sam');
      return;
    case 'stop-waiting':
      return await giveUpWaiting(id);
    case 'put-aside': {
      const aside = { code: 'put-aside', reason: 'r', nextStep: 'n' } as const;
      await years.ledger.transitionJob(id, { event: 'faulted', fault: aside }, 'sam');
      return;
    }
    case 'go-on':
      return await goOn(id);
    case 'arrive':
      await years.ledger.transitionDrive(ref, { event: 'arrived' }, 'station');
      return;
    case 'start':
      return await years.start(id, ref.driveId);
    case 'verify':
      return await years.finish(id, ref.driveId);
    case 'fault':
      await years.ledger.transitionDrive(ref, { event: 'faulted', fault }, 'station');
      return;
    case 'retry':
      await years.ledger.transitionDrive(ref, { event: 'resolved-for-retry' }, 'sam');
      return;
    case 'give-up':
      await years.ledger.transitionDrive(ref, { event: 'resolved-without-copy', verdict }, 'sam');
      return;
    case 'missing':
      await years.ledger.transitionDrive(ref, { event: 'missing' }, 'sam');
  }
}

async function giveUpWaiting(id: JobId): Promise<void> {
  const job = await years.ledger.jobByName(id);
  if (job === undefined) return;
  for (const step of stopWaiting({ job, drives: await years.ledger.drivesOf(id) }, 'asked')) {
    if (step.kind === 'move-job')
      await years.ledger.transitionJob(id, { event: step.event }, 'sam');
    else if (step.kind === 'mark-missing') {
      await years.ledger.transitionDrive(step.ref, { event: 'missing' }, 'sam');
    }
  }
}

async function goOn(id: JobId): Promise<void> {
  const state = (await years.ledger.jobByName(id))?.state;
  if (state?.name !== 'Faulted') return;
  const back = Object.keys(JOB_TRANSITIONS.Faulted).find((event) => {
    const answer = nextJobState(state, event as 'back-to-shipping');
    return answer.allowed && answer.to === state.fault.publicState;
  });
  await years.ledger.transitionJob(id, { event: back as 'back-to-shipping' }, 'sam');
}

const REFUSALS = [
  'transition-refused',
  'job-change-refused',
  'job-change-incomplete',
  'job-not-found',
  'drive-not-found',
] as const;
describe('whatever happens', () => {
  it('both tables hold, every refusal is logged, and nothing is forgotten', async () => {
    const cases = fc.asyncProperty(
      fc.array(happening, { maxLength: 30 }),
      fc.boolean(),
      fc.nat(1_000_000),
      async (happenings, shipped, number) => {
        const id = await years.make(`job-${number}-${years.clock.now().getTime()}`, ['A1', 'B2'], {
          shipped,
        });
        for (const event of happenings) {
          try {
            await happen(id, event);
          } catch (error) {
            if (!isStationError(error, ...REFUSALS)) throw error;
          }
          await years.settle();
        }
        await expectTablesHeld(id);
        await expectNotForgotten(id);
        // The next case begins with an empty station.
        await years.pass(400);
      },
    );
    await fc.assert(cases, { numRuns: 40 });
  });

  /** Every transition in the log is one of the tables, and begins where the last one ended. */
  async function expectTablesHeld(id: JobId): Promise<void> {
    const at = new Map<string, string>();
    for await (const { entity, type, data } of years.ledger.events(0, 1_000_000)) {
      if (!entity.includes(id)) continue;
      const moved = data as { from?: unknown; to?: unknown };
      if (moved.from === undefined || moved.to === undefined || type === 'wait-extended') continue;
      const [from, to] = [nameOf(moved.from), nameOf(moved.to)];
      const table: Readonly<Record<string, Readonly<Record<string, string>>>> = entity.startsWith(
        'job/',
      )
        ? JOB_TRANSITIONS
        : DRIVE_TRANSITIONS;
      expect(table[from]?.[type], `${entity}: ${from} on ${type}`).toBe(to);
      expect(from).toBe(at.get(entity) ?? from);
      at.set(entity, to);
    }
  }

  /** A year later the job is at its end or gone, or an alert asks a person for it. */
  async function expectNotForgotten(id: JobId): Promise<void> {
    await years.pass(200);
    await years.pass(200);
    const job = await years.ledger.jobByName(id);
    if (job === undefined || isFinished(job.state.name)) return;
    const drives = await years.ledger.drivesOf(id);
    const asked = (await years.ledger.alerts.list('open')).some(
      ({ subject }) => subject.jobId === id,
    );
    expect(asked, `${job.state.name} ${JSON.stringify(drives)}`).toBe(true);
  }

  function nameOf(state: unknown): string {
    return typeof state === 'string' ? state : (state as { name: string }).name;
  }
});

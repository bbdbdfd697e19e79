import { describe, expect, it } from 'vitest';
import { ageOf, endsSomething, resolutionLabel } from '../../../src/console/alert-words.ts';
import { announcements } from '../../../src/console/announcements.ts';
import { checkInCount, checkInRows } from '../../../src/console/check-in-list.ts';
import { waysOf } from '../../../src/console/job-ways.ts';
import {
  ADDRESS_FIELDS,
  addressLines,
  carrierWords,
  packingRows,
} from '../../../src/console/packing-list.ts';
import { RESOLUTIONS } from '../../../src/domain/alert-texts.ts';
import { returnAddress } from '../../../src/job-schema.ts';
import { alertView, checkInView, packingView } from '../../support/desk-views.ts';
import { busyView, driveView, emptyView, jobView, stationInfo } from '../../support/views.ts';

describe('the list of a parcel', () => {
  const rows = () => checkInRows(checkInView(), busyView());

  it('says of each drive whether it is there, where, and what happens to it', () => {
    expect(rows()).toEqual([
      { kind: 'seen', name: 'WD-WCC7K0AB12CD', words: 'Bay 1, copying' },
      { kind: 'missing', name: 'KV6H86XP', words: 'not yet' },
      { kind: 'seen', name: 'ZA2B7XK9', words: 'Bay 3, needs you' },
      { kind: 'extra', name: 'AZ31BGB1', words: 'on no list: set it aside (Bay 5)' },
      { kind: 'elsewhere', name: 'S3Z8NB0K712345', words: 'came in another parcel' },
      { kind: 'elsewhere', name: 'PL1331LAGXN5AH', words: 'came in another parcel' },
    ]);
  });

  it('says that an extra drive has left its bay, and that a drive was given up before', () => {
    const drives = [driveView('KV6H86XP', { state: 'NeverReceived' })];
    const words = checkInRows(checkInView(), { drives, disks: [] }).map((row) => row.words);
    expect(words).toContain('on no list: set it aside (was in Bay 5)');
    expect(words).toContain('given up before; still away');
  });

  it('counts what came, also where no list says what to expect', () => {
    expect(checkInCount(checkInView())).toBe('2 of 3 here');
    expect(checkInCount(checkInView({ expected: [], seen: [] }))).toBe('nothing yet');
  });
});

describe('the packing list', () => {
  it('has what goes into the box first, extra drives too, then what never came', () => {
    const extra = {
      ...{ id: 'e', serial: null, model: 'TOSHIBA', bay: 'Bay 5', jobId: 'job-3', parcelId: null },
      ...{ reason: 'r', seenAt: '2026-11-23T07:00:00.000Z' },
    };
    expect(packingRows(packingView({ extras: [extra] }))).toEqual([
      { name: 'ZC11A2B3', words: 'verified', goesBack: true },
      { name: 'ZC11A2B4', words: 'done, with notes', goesBack: true },
      { name: 'no serial', words: 'extra drive, not read (TOSHIBA)', goesBack: true },
      { name: 'ZC11A2B5', words: 'never came', goesBack: false },
    ]);
  });

  it('says of a lost disk why it is not in the box', () => {
    const drives = [{ driveId: 'ZC11A2B6', state: 'CompletedMoreInfo', lost: true }] as const;
    expect(packingRows(packingView({ drives: [...drives] }))).toEqual([
      {
        name: 'ZC11A2B6',
        words: 'lost: its disk left in mid-copy and did not come back',
        goesBack: false,
      },
    ]);
  });

  it('writes the address as it stands on a label, without empty lines', () => {
    expect(addressLines(packingView().returnAddress ?? {})).toEqual([
      'Northwind Traders, Goods In',
      'Kanalstraße 12',
      'Hamburg 20457',
      'Germany',
      '+49 40 1234567 · it@northwind.example',
    ]);
    expect(addressLines({ recipientName: 'A' })).toEqual(['A']);
  });

  it('asks for what the station takes as an address, and for nothing else', () => {
    const { shape } = returnAddress;
    expect(ADDRESS_FIELDS.map(({ name }) => name).sort()).toEqual(Object.keys(shape).sort());
    const missing = returnAddress.safeParse({}).error?.issues.flatMap(({ path }) => path);
    const asked = ADDRESS_FIELDS.filter(({ required }) => required).map(({ name }) => name);
    expect(asked.sort()).toEqual(missing?.sort());
  });

  it('says who carries it at whose cost', () => {
    expect(carrierWords(packingView().returnShipping)).toBe('DHL, account 989ffff');
    expect(carrierWords(null)).toBe('The customer named no carrier.');
  });
});

describe('the ways of a job', () => {
  const away = [driveView('A')];

  it.each([
    ['Creating', away, ['put-aside', 'cancel']],
    ['Shipping', away, ['wait-longer', 'stop-waiting', 'put-aside', 'cancel']],
    ['Transferring', [], ['put-aside', 'cancel']],
    ['Transferring', away, ['wait-longer', 'stop-waiting', 'put-aside', 'cancel']],
    ['Packaging', [], ['check-in', 'put-aside']],
    ['Completed', [], []],
    ['Closed', [], []],
  ] as const)('%s with %j', (state, drives, ways) => {
    expect(waysOf(jobView({ state }), drives)).toEqual(ways);
  });

  it('leads a faulted job on by what faulted it, and cancels none twice', () => {
    const faulted = (code: string) =>
      jobView({ state: 'Faulted', fault: { code, reason: 'r', nextStep: 'n' } });
    expect(waysOf(faulted('put-aside'), [])).toEqual(['go-on', 'cancel']);
    expect(waysOf(faulted('arrived-before-shipping'), [])).toEqual(['take-as-shipped', 'cancel']);
    expect(waysOf(jobView({ cancelRequested: true }), [])).toEqual(['put-aside']);
  });
});

describe('alerts in words', () => {
  it('has a button for every resolution of the station, and a question before each ending', () => {
    const all = Object.keys(RESOLUTIONS);
    for (const resolution of all) expect(resolutionLabel(resolution)).not.toBe(resolution);
    expect(all.filter(endsSomething)).toEqual(['stop-waiting', 'end-without-copy', 'destroyed']);
  });

  it.each([
    ['2026-11-23T07:59:30.000Z', '30 s'],
    ['2026-11-22T07:00:00.000Z', '25 h'],
    ['2026-11-19T08:00:00.000Z', '4 days'],
    ['2026-11-23T08:00:01.000Z', '0 s'],
  ])('raised at %s it is %s old', (raisedAt, age) => {
    expect(ageOf(raisedAt, new Date('2026-11-23T08:00:00.000Z'))).toBe(age);
  });
});

describe('announcements', () => {
  const parcelOf = (seen: string[]) => ({
    ...emptyView(),
    station: stationInfo({ parcel: checkInView({ seen }) }),
  });

  it('says how many alerts there are at first, then each that comes, is taken, and goes', () => {
    const fresh = { ...emptyView(), alerts: [alertView()] };
    const kept = {
      ...emptyView(),
      alerts: [alertView({ acknowledged: { at: '2026-11-23T08:00:00.000Z', by: 'jonas' } })],
    };
    expect(announcements(undefined, fresh)).toEqual(['Alerts: 1.']);
    expect(announcements(emptyView(), fresh)).toEqual([
      'Alert: Parcel missing. Nothing of job fabrikam-2026 has arrived since 2026-11-09.',
    ]);
    expect(announcements(fresh, kept)).toEqual(['jonas looks after: Parcel missing.']);
    expect(announcements(kept, emptyView())).toEqual([
      'No longer open: Parcel missing. Nothing of job fabrikam-2026 has arrived since 2026-11-09.',
    ]);
  });

  it('ticks a parcel off aloud', () => {
    expect(announcements(emptyView(), parcelOf([]))).toEqual([
      'Unpacking a parcel of contoso-archive.',
    ]);
    expect(announcements(parcelOf([]), parcelOf(['KV6H86XP']))).toEqual([
      'KV6H86XP is in the parcel, 1 of 3 here.',
    ]);
    expect(announcements(parcelOf([]), emptyView())).toEqual([
      'The parcel of contoso-archive is unpacked.',
    ]);
    expect(announcements(parcelOf([]), parcelOf([]))).toEqual([]);
  });

  it('says which bay changed and which is empty', () => {
    const said = announcements(emptyView(), busyView());
    expect(said).toContain('Bay 3: needs you.');
    expect(announcements(busyView(), emptyView())).toContain('Bay 3: empty.');
  });
});

import type { AlertView, CheckInView } from '../../src/serve/wire.ts';
import type { PackingView } from '../../src/serve/wire-parcels.ts';

/** What lies on the desk of a busy morning: a parcel that is unpacked, one to pack, alerts. */

export function checkInView(over: Partial<CheckInView> = {}): CheckInView {
  return {
    id: 'parcel-1',
    jobId: 'job-1',
    jobName: 'contoso-archive',
    shipment: { carrierName: 'FedEx', trackingNumber: '9405 5036 9930 0419' },
    openedAt: '2026-11-23T07:40:00.000Z',
    openedBy: 'maria',
    expected: ['WD-WCC7K0AB12CD', 'KV6H86XP', 'ZA2B7XK9'],
    seen: ['WD-WCC7K0AB12CD', 'ZA2B7XK9'],
    missing: ['KV6H86XP'],
    elsewhere: ['S3Z8NB0K712345', 'PL1331LAGXN5AH'],
    extras: [{ id: 'extra-7', bay: 'Bay 5', serial: 'AZ31BGB1', model: 'TOSHIBA MQ04UBF100' }],
    ...over,
  };
}

export function alertView(over: Partial<AlertView> = {}): AlertView {
  return {
    id: 'alert-1',
    kind: 'package-missing',
    title: 'Parcel missing',
    reason: 'Nothing of job fabrikam-2026 has arrived since 2026-11-09.',
    nextStep:
      'Ask the carrier, then the customer: wait two more weeks, or stop waiting. Without an answer the job is closed 30 days after this alert.',
    raisedAt: '2026-11-23T06:05:00.000Z',
    acknowledged: null,
    resolutions: [
      { name: 'wait-longer', words: 'The customer was asked and wants to wait: two more weeks.' },
      {
        name: 'stop-waiting',
        words:
          'Nothing more will come: missing drives are marked as never received, and a job that has received none is closed.',
      },
    ],
    jobId: 'job-2',
    jobName: 'fabrikam-2026',
    driveId: null,
    extraId: null,
    dockId: null,
    ...over,
  };
}

/** One about a bay's drive, one about an extra disk, one that somebody looks after, and an old one. */
export function alertsOfTheDay(): AlertView[] {
  return [
    alertView(),
    alertView({
      id: 'alert-2',
      kind: 'drive-faulted',
      title: 'Drive needs you',
      reason:
        'Drive ZA2B7XK9 of job contoso-archive: The disk did not deliver 8 MiB at 700 GiB (EIO) in five attempts.',
      nextStep: 'Do what the fault says, then retry; or end the drive without a copy.',
      raisedAt: '2026-11-23T07:31:00.000Z',
      resolutions: [
        { name: 'retry', words: 'The cause has been removed: the copy goes on where it stopped.' },
        {
          name: 'end-without-copy',
          words: 'The drive cannot be copied: it is given back as it is.',
        },
      ],
      jobId: 'job-1',
      jobName: 'contoso-archive',
      driveId: 'ZA2B7XK9',
    }),
    alertView({
      id: 'alert-3',
      kind: 'extra-drive',
      title: 'Extra drive',
      reason: 'A disk AZ31BGB1 in Bay 5 is on no list.',
      nextStep:
        'It is on no drive list and is not read. Say which parcel it came in: it goes back with that job.',
      raisedAt: '2026-11-23T07:45:00.000Z',
      resolutions: [{ name: 'noted', words: 'Noted; there is nothing more to do.' }],
      jobId: null,
      jobName: null,
      extraId: 'extra-7',
    }),
    alertView({
      id: 'alert-4',
      kind: 'job-put-aside',
      title: 'Job put aside',
      reason: 'Job adatum-seismic: The customer asks to wait for a new storage account.',
      nextStep: 'Remove the cause, then let the job go on. No copy of it is started until then.',
      raisedAt: '2026-11-19T13:00:00.000Z',
      acknowledged: { at: '2026-11-22T15:20:00.000Z', by: 'jonas' },
      resolutions: [
        { name: 'go-on', words: 'The cause has been removed: the job goes on where it stopped.' },
      ],
      jobId: 'job-4',
      jobName: 'adatum-seismic',
    }),
  ];
}

export function packingView(over: Partial<PackingView> = {}): PackingView {
  return {
    jobId: 'job-3',
    jobName: 'northwind-scans',
    returnAddress: {
      recipientName: 'Northwind Traders, Goods In',
      streetAddress1: 'Kanalstraße 12',
      city: 'Hamburg',
      postalCode: '20457',
      countryOrRegion: 'Germany',
      phone: '+49 40 1234567',
      email: 'it@northwind.example',
    },
    returnShipping: { carrierName: 'DHL', carrierAccountNumber: '989ffff' },
    drives: [
      { driveId: 'ZC11A2B3', state: 'Completed', lost: false },
      { driveId: 'ZC11A2B4', state: 'CompletedMoreInfo', lost: false },
      { driveId: 'ZC11A2B5', state: 'NeverReceived', lost: false },
    ],
    extras: [],
    problems: [],
    ...over,
  };
}

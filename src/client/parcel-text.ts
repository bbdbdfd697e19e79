import { ageOf } from '../console/alert-words.ts';
import { type CheckInRow, checkInCount, checkInRows } from '../console/check-in-list.ts';
import { printable } from '../console/format.ts';
import { addressLines, carrierWords, packingRows } from '../console/packing-list.ts';
import type { CheckInView, StationView } from '../serve/wire.ts';
import type { PackingView } from '../serve/wire-parcels.ts';
import { table } from './text.ts';

/** Parcels for a terminal and for paper. */

const MARKS: { readonly [Kind in CheckInRow['kind']]: string } = {
  seen: '✓',
  missing: '·',
  extra: '!',
  elsewhere: '=',
};

/** The list of the parcel that is being unpacked, ticked off. */
export function checkInText(
  parcel: CheckInView,
  view: Pick<StationView, 'drives' | 'disks'>,
  now: Date,
): string {
  const { jobName, shipment, openedBy, openedAt } = parcel;
  const label = shipment === null ? '' : ` (${shipment.carrierName} ${shipment.trackingNumber})`;
  const since = `begun by ${openedBy} ${ageOf(openedAt, now)} ago`;
  const head = `unpacking a parcel of ${jobName}${label}, ${since}: ${checkInCount(parcel)}`;
  const rows = checkInRows(parcel, view).map((row) => [MARKS[row.kind], row.name, row.words]);
  return `${printable(head)}\n\n${table(rows)}`;
}

/** What goes into the box and onto it, to be printed and ticked off by hand. */
export function packingText(packing: PackingView): string {
  const rows = packingRows(packing).map(({ name, words, goesBack }) => [
    goesBack ? '[ ]' : ' - ',
    name,
    words,
  ]);
  return [
    `Packing list of ${printable(packing.jobName)}`,
    table(rows),
    addressOf(packing),
    `Carrier: ${printable(carrierWords(packing.returnShipping))}`,
    ...problemsOf(packing),
  ].join('\n\n');
}

function addressOf({ returnAddress }: PackingView): string {
  if (returnAddress === null) return 'To: (no return address yet)';
  const lines = addressLines(returnAddress).map(printable);
  const width = Math.max(...lines.map((line) => line.length));
  const edge = '─'.repeat(width + 2);
  const body = lines.map((line) => `│ ${line.padEnd(width)} │`);
  return [`┌${edge}┐`, ...body, `└${edge}┘`].join('\n');
}

function problemsOf({ problems }: PackingView): string[] {
  if (problems.length === 0) return [];
  const lines = problems.map((problem) => `! ${printable(problem)}`);
  return [['The parcel cannot go yet:', ...lines].join('\n')];
}

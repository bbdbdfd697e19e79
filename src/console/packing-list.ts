import type { PackingView } from '../serve/wire-parcels.ts';

/** One thing that goes back, or that cannot because it is not here. */
export interface PackingRow {
  readonly name: string;
  readonly words: string;
  readonly goesBack: boolean;
}

type DriveState = PackingView['drives'][number]['state'];

const DRIVE_WORDS: { readonly [State in DriveState]: string } = {
  Specified: 'never came',
  NeverReceived: 'never came',
  Received: 'not copied',
  Transferring: 'still being copied',
  Completed: 'verified',
  CompletedMoreInfo: 'done, with notes',
  ShippedBack: 'went back',
  Faulted: 'needs you',
};

const LOST_WORDS = 'lost: its disk left in mid-copy and did not come back';

/** What goes into the box, then what never came or was lost; page and terminal show it. */
export function packingRows({ drives, extras }: PackingView): PackingRow[] {
  const listed = drives.map(({ driveId, state, lost }): PackingRow => {
    if (lost) return { name: driveId, words: LOST_WORDS, goesBack: false };
    const isAway = state === 'Specified' || state === 'NeverReceived' || state === 'ShippedBack';
    return { name: driveId, words: DRIVE_WORDS[state], goesBack: !isAway };
  });
  const others = extras.map(({ serial, model }): PackingRow => {
    const words = `extra drive, not read${model === null ? '' : ` (${model})`}`;
    return { name: serial ?? 'no serial', words, goesBack: true };
  });
  const all = [...listed, ...others];
  return [...all.filter((row) => row.goesBack), ...all.filter((row) => !row.goesBack)];
}

/** The members of the public contract in the order of an envelope, and what a form calls them. */
export const ADDRESS_FIELDS = [
  { name: 'recipientName', label: 'Recipient', required: true },
  { name: 'streetAddress1', label: 'Street', required: true },
  { name: 'streetAddress2', label: 'Street, second line', required: false },
  { name: 'postalCode', label: 'Postal code', required: true },
  { name: 'city', label: 'City', required: true },
  { name: 'stateOrProvince', label: 'State or province', required: false },
  { name: 'countryOrRegion', label: 'Country or region', required: true },
  { name: 'phone', label: 'Phone', required: true },
  { name: 'email', label: 'E-mail', required: true },
] as const;

/** The address as it stands on a label: lines without what was left out. */
export function addressLines(address: Readonly<Record<string, string>>): string[] {
  const of = (...names: string[]) => names.flatMap((name) => address[name] || []);
  return [
    ...of('recipientName'),
    ...of('streetAddress1'),
    ...of('streetAddress2'),
    of('city', 'stateOrProvince', 'postalCode').join(' '),
    ...of('countryOrRegion'),
    of('phone', 'email').join(' · '),
  ].filter((line) => line !== '');
}

/** Who is to carry it at whose cost, as the customer chose. */
export function carrierWords(shipping: PackingView['returnShipping']): string {
  const { carrierName, carrierAccountNumber } = shipping ?? {};
  if (carrierName === undefined) return 'The customer named no carrier.';
  return carrierAccountNumber === undefined
    ? carrierName
    : `${carrierName}, account ${carrierAccountNumber}`;
}

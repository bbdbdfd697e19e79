import type { Brand } from './brand.ts';

/**
 * A serial number in canonical form: upper case, no white space, no control characters, never empty.
 * Azure's `driveId` is "the hardware serial without spaces", and bridges pad and re-case serials, so
 * two serials are compared only in this form.
 */
export type SerialNumber = Brand<string, 'SerialNumber'>;

/** The longest serial any bus reports: 252 bytes (SCSI VPD page 0x80); more is not a serial. */
export const MAX_SERIAL_LENGTH = 252;

/** Brings a raw serial into canonical form; `undefined` when nothing that identifies is left. */
export function normaliseSerial(raw: string): SerialNumber | undefined {
  // Firmware pads serials with NUL and worse.
  const canonical = raw.replace(/[\s\p{Cc}]+/gu, '').toUpperCase();
  if (canonical === '' || canonical.length > MAX_SERIAL_LENGTH) return undefined;
  return canonical as SerialNumber;
}

/**
 * Serials that bridges invent. Sources: JMicron JMS567 bays, ORICO boxes, generic USB descriptors
 * (field reports collected from dlandon/unassigned.devices#66, rockstor/rockstor-core#2316,
 * openmediavault/openmediavault#912, truenas/middleware#11231).
 */
const KNOWN_FAKE_SERIALS = new Set([
  '152D00539000',
  '202006054D01',
  '000000004BA8',
  'DEADBEEF',
  'NONE',
  'NULL',
  'UNKNOWN',
  'N/A',
  'DEFAULT',
  'TOBEFILLEDBYO.E.M.',
]);

/** One character over and over, or a run such as 0123456789 or ABCDEF: made up, whoever sends it. */
export function isFakeSerial(serial: SerialNumber): boolean {
  if (KNOWN_FAKE_SERIALS.has(serial)) return true;
  if (/^(.)\1*$/u.test(serial)) return true;
  return serial.length >= 6 && isCountingRun(serial);
}

function isCountingRun(serial: string): boolean {
  const hexDigits = '0123456789ABCDEF0123456789';
  return hexDigits.includes(serial) || '1234567890'.repeat(3).includes(serial);
}

/** How a serial that is not equal can still be the same one, in words a technician understands. */
export type NearForm =
  | 'reversed'
  | 'pair-swapped'
  | 'truncated'
  | 'prefixed'
  | 'look-alike'
  | 'one-off';

/** How `seen` could be a garbled form of `listed`; `undefined` when they are equal or unrelated. */
export function nearForm(seen: SerialNumber, listed: SerialNumber): NearForm | undefined {
  if (seen === listed) return undefined;
  if (reverse(seen) === listed) return 'reversed';
  if (swapPairs(seen) === listed) return 'pair-swapped';
  if (isTruncation(seen, listed) || isTruncation(listed, seen)) return 'truncated';
  if (isPrefixed(seen, listed) || isPrefixed(listed, seen)) return 'prefixed';
  if (foldLookAlikes(seen) === foldLookAlikes(listed)) return 'look-alike';
  if (Math.min(seen.length, listed.length) >= 6 && editDistanceIsOne(seen, listed)) {
    return 'one-off';
  }
  return undefined;
}

/** Bridges cut serials to the 20 characters of ATA IDENTIFY, or to 12 of a USB descriptor. */
const MIN_TRUNCATED_LENGTH = 8;

function isTruncation(short: string, long: string): boolean {
  return (
    short.length >= MIN_TRUNCATED_LENGTH && short.length < long.length && long.startsWith(short)
  );
}

/** A bridge or a vendor puts letters before the serial ("WD-" and the like). */
function isPrefixed(long: string, short: string): boolean {
  return short.length >= MIN_TRUNCATED_LENGTH && long.length > short.length && long.endsWith(short);
}

function reverse(text: string): string {
  return [...text].reverse().join('');
}

/** ATA strings are byte-swapped in 16-bit words; a bridge that forgets shows "ABCD" as "BADC". */
function swapPairs(text: string): string {
  return text.replace(/(.)(.)/gu, '$2$1');
}

function foldLookAlikes(text: string): string {
  return text.replace(/O/gu, '0').replace(/[IL]/gu, '1').replace(/B/gu, '8').replace(/S/gu, '5');
}

function editDistanceIsOne(a: string, b: string): boolean {
  if (Math.abs(a.length - b.length) > 1) return false;
  const [short, long] = a.length <= b.length ? [a, b] : [b, a];
  let at = 0;
  while (at < short.length && short[at] === long[at]) at++;
  const skip = short.length === long.length ? at + 1 : at;
  return short.slice(skip) === long.slice(at + 1);
}

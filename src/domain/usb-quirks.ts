import type { BridgeId } from './disk.ts';

/**
 * The parameter `quirks` of the module `usb_storage`: `VID:PID:flags` in hexadecimal, separated by
 * commas; the first entry for a device counts (Documentation/admin-guide/kernel-parameters.txt,
 * `usb-storage.quirks`). The flag `u` keeps `uas` away from the device. It holds until the next boot.
 */

const IGNORE_UAS = 'u';
/** The kernel keeps it in 128 bytes, with a line feed and their end. */
export const QUIRKS_PARAMETER_MAX = 126;

/** The parameter with one bridge more that is not for `uas`; others stay as they are. */
export function withoutUas(parameter: string, bridge: BridgeId): string {
  const entries = parameter.trim() === '' ? [] : parameter.trim().split(',');
  const at = entries.findIndex((entry) => isOf(entry, bridge));
  const found = entries[at];
  if (found === undefined) return [...entries, `${bridge}:${IGNORE_UAS}`].join(',');
  if (flagsOf(found).includes(IGNORE_UAS)) return parameter.trim();
  return entries.with(at, `${found}${IGNORE_UAS}`).join(',');
}

function isOf(entry: string, bridge: BridgeId): boolean {
  const [vendor, product] = entry.split(':').map((part) => Number.parseInt(part, 16));
  const [wantedVendor, wantedProduct] = bridge.split(':').map((part) => Number.parseInt(part, 16));
  return vendor === wantedVendor && product === wantedProduct;
}

function flagsOf(entry: string): string {
  return entry.split(':')[2] ?? '';
}

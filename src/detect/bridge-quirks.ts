import { realpath } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { readAttribute } from './attribute.ts';

/**
 * USB bridges that must not be asked for SMART or anything else of the drive behind them, by vendor and
 * product, with what became of those that were. Sources: issues of smartmontools (#256, #490, #496) and
 * openmediavault (#901).
 */
const NEVER_ASKED: Readonly<Record<string, string>> = {
  '152d:0562': 'JMicron JMS562: it gave its disks other serial numbers when it was asked',
  '152d:0583': 'JMicron JMS583: it hung for two minutes when it was asked',
  '152d:a583': 'JMicron JMS583: it reset its USB port when it was asked',
  '174c:2362': 'ASMedia ASM2362: its link broke down when it was asked',
};

/** Why a disk's bridge must not be asked for anything but reads; `undefined` when it may be. */
export async function bridgeQuirk(
  devicePath: string,
  sysRoot = '/sys',
): Promise<string | undefined> {
  const place = await realpath(join(sysRoot, 'block', basename(devicePath))).catch(() => '');
  const device = /^(.*\/\d+-[\d.]+)\/\d+-[\d.]+:\d+\.\d+\//u.exec(place)?.[1];
  if (device === undefined) return undefined;
  const [vendor, product] = await Promise.all([
    readAttribute(join(device, 'idVendor')),
    readAttribute(join(device, 'idProduct')),
  ]);
  return NEVER_ASKED[`${vendor?.trim()}:${product?.trim()}`.toLowerCase()];
}

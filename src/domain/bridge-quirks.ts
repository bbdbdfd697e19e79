import type { BridgeId, DiskLink } from './disk.ts';

/**
 * USB bridges that must not be asked for SMART or anything else of the drive behind them, with what became
 * of those that were. Sources: issues of smartmontools (#256, #490, #496) and openmediavault (#901).
 */
const NEVER_ASKED: ReadonlyMap<string, string> = new Map([
  ['152d:0562', 'JMicron JMS562: it gave its disks other serial numbers when it was asked'],
  ['152d:0583', 'JMicron JMS583: it hung for two minutes when it was asked'],
  ['152d:a583', 'JMicron JMS583: it reset its USB port when it was asked'],
  ['174c:2362', 'ASMedia ASM2362: its link broke down when it was asked'],
]);

/** Why the bridge of a disk must not be asked for anything but reads; `undefined` when it may be. */
export function bridgeQuirk(link: DiskLink | undefined): string | undefined {
  const id: BridgeId | undefined = link?.bridge?.id;
  return id === undefined ? undefined : NEVER_ASKED.get(id);
}

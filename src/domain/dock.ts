import type { Brand } from './brand.ts';
import { type AttachedDisk, type BridgeId, bySourceTrust, type SerialSource } from './disk.ts';
import {
  DOCK_SIGNS,
  type DockSignKind,
  type KernelSign,
  SIGN_KINDS,
  signInWords,
} from './dock-signs.ts';

/**
 * Which dock is to blame. What goes wrong between a disk and the machine is counted at the place where
 * it happens, and a place is unreliable when that cannot be laid to one bad disk. Pure.
 */

export type DockId = Brand<string, 'DockId'>;

/** What a disk hangs on: a port of the machine, and the bridge in it where the kernel names one. */
export interface DockPlace {
  /** The physical path of the port; all disks of one bridge share it. */
  readonly port: string;
  /** `null` where disks hang on the port itself: SATA, SAS, NVMe. */
  readonly bridge: BridgeId | null;
}

/** What is known of a place from the disk that is in it. */
export interface SeenDock extends DockPlace {
  readonly bay: string;
  /** What the bridge calls itself. */
  readonly product: string | null;
  /** The kernel's driver: `uas`, `usb-storage`. */
  readonly driver: string | null;
}

/** Something that happened between the machine and a disk, or several at once. */
export interface DockSign {
  readonly kind: KernelSign;
  readonly count: number;
  /** The disk by its own serial; empty for one that shows none of its own. */
  readonly disk: string;
  /** Where the sign is of several disks that were read at once: the others, named alike. */
  readonly others?: readonly string[];
}

/** One trouble, however many lines the kernel wrote about it. */
export interface DockIncident {
  /** Of its first sign; ISO 8601. */
  readonly at: string;
  readonly counts: Readonly<Partial<Record<DockSignKind, number>>>;
  readonly disks: readonly string[];
  /** A sign of it was of several disks at once, with names or without. */
  readonly ofSeveral?: true;
}

/** What is remembered of a place. */
export interface DockRecord {
  /** The oldest first, within the window. */
  readonly incidents: readonly DockIncident[];
  /** Disks that had medium errors here, and when the last; their incidents count for nothing. */
  readonly badDisks: readonly { readonly disk: string; readonly at: string }[];
  readonly unreliableSince: string | null;
}

export interface Dock extends SeenDock, DockRecord {
  readonly id: DockId;
}

/** A bridge that is better driven by `usb-storage` than by `uas`. */
export interface LearnedQuirk {
  readonly bridge: BridgeId;
  readonly learnedAt: string;
}

export interface DockLimits {
  /** So many incidents in the window, which no single disk explains. */
  readonly incidents: number;
  readonly windowMs: number;
}

/**
 * The kernel tries one command six times for 30 s each (`SCSI_TRIES`): what it says in that time is of
 * one trouble.
 */
const INCIDENT_MS = 180_000;
/** Far more than make a dock unreliable; older ones say nothing new. */
const INCIDENTS_MAX = 32;
const DISKS_MAX = 16;

export const NOTHING_KNOWN: DockRecord = { incidents: [], badDisks: [], unreliableSince: null };

export function samePlace(a: DockPlace, b: DockPlace): boolean {
  return a.port === b.port && a.bridge === b.bridge;
}

/** One for each place, for maps. */
export function placeKey({ port, bridge }: DockPlace): string {
  return JSON.stringify([port, bridge]);
}

/** Where a disk hangs. A loop device hangs on nothing, so its bay stands for it. */
export function dockOf({ link, transport, physicalPath, bay }: AttachedDisk): SeenDock {
  const port = link?.port ?? (transport === 'loop' ? bay : physicalPath);
  const { id: bridge = null, product = null, driver = null } = link?.bridge ?? {};
  return { port, bay, bridge, product, driver };
}

/** Bridges answer in the name of their disks, so only what comes from the medium tells disks apart. */
const OF_MEDIUM: ReadonlySet<SerialSource> = new Set([
  'identity-file',
  'ata-identify',
  'nvme-identify',
  'scsi-vpd',
]);

export function evidenceName({ identity }: Pick<AttachedDisk, 'identity'>): string {
  const own = identity.serials.filter(({ source }) => OF_MEDIUM.has(source));
  return bySourceTrust(own)[0]?.raw.trim() ?? '';
}

/** The record with what was noticed at one moment. */
export function withSigns(
  record: DockRecord,
  signs: readonly DockSign[],
  { at, windowMs }: { readonly at: string; readonly windowMs: number },
): DockRecord {
  const isLate = (item: { readonly at: string }) => Date.parse(at) - Date.parse(item.at) < windowMs;
  const named = signs.filter(({ kind, disk }) => kind === 'medium' && disk !== '');
  const bad = named.map(({ disk }) => ({ disk, at }));
  const newlyBad = new Set(bad.map(({ disk }) => disk));
  const against = signs.filter(({ kind }) => kind !== 'medium');
  const incidents = record.incidents.filter(isLate);
  const badDisks = record.badDisks.filter((one) => isLate(one) && !newlyBad.has(one.disk));
  return {
    ...record,
    incidents: (against.length === 0 ? incidents : extended(incidents, against, at)).slice(
      -INCIDENTS_MAX,
    ),
    badDisks: [...badDisks, ...distinct(bad)].slice(-DISKS_MAX),
  };
}

/** A disconnect ends a trouble: the next one is another. */
function extended(
  incidents: readonly DockIncident[],
  signs: readonly DockSign[],
  at: string,
): DockIncident[] {
  const last = incidents.at(-1);
  const isDrop = signs.some(({ kind }) => kind === 'drop');
  const goesOn =
    last !== undefined &&
    Date.parse(at) - Date.parse(last.at) < INCIDENT_MS &&
    !(isDrop && last.counts.drop !== undefined);
  if (!goesOn) return [...incidents, added({ at, counts: {}, disks: [] }, signs)];
  return [...incidents.slice(0, -1), added(last, signs)];
}

function added(incident: DockIncident, signs: readonly DockSign[]): DockIncident {
  const counts: Partial<Record<DockSignKind, number>> = { ...incident.counts };
  for (const { kind, count } of signs) {
    if (kind !== 'medium') counts[kind] = (counts[kind] ?? 0) + count;
  }
  const told = signs.flatMap(({ disk, others = [] }) => [disk, ...others]);
  const disks = [...new Set([...incident.disks, ...told])].slice(-DISKS_MAX);
  const isOfSeveral = signs.some(({ others = [] }) => others.length > 0);
  return { ...incident, counts, disks, ...(isOfSeveral ? { ofSeveral: true } : {}) };
}

function distinct<T extends { readonly disk: string }>(items: readonly T[]): T[] {
  return [...new Map(items.map((item) => [item.disk, item])).values()];
}

/**
 * The incidents that speak against the place. A disk with medium errors explains whatever happens while
 * it is read, because bridges answer those with resets; so does a disk that takes its trouble with it
 * from place to place. What the controller does, no disk explains.
 */
export function countedIncidents(
  dock: DockRecord & DockPlace,
  all: readonly (DockRecord & DockPlace)[],
): readonly DockIncident[] {
  const isToBlame = blamedDisks(dock, all);
  return dock.incidents.filter(
    ({ counts, disks }) => counts.controller !== undefined || !disks.every(isToBlame),
  );
}

/** Whether a disk explains the trouble it has; of one without a name nobody can say so. */
function blamedDisks(
  dock: DockRecord & DockPlace,
  all: readonly (DockRecord & DockPlace)[],
): (disk: string) => boolean {
  const elsewhere = all.filter(({ port }) => port !== dock.port);
  const alone = elsewhere.flatMap(({ incidents }) => incidents.filter((one) => !one.ofSeveral));
  const wandering = alone.flatMap(({ disks }) => disks);
  const bad = [dock, ...elsewhere].flatMap(({ badDisks }) => badDisks.map(({ disk }) => disk));
  const toBlame = new Set([...wandering, ...bad]);
  return (disk) => disk !== '' && toBlame.has(disk);
}

/**
 * Whether a place is unreliable. With two disks or more, and for what only the link can do, the limit
 * is as configured; of one disk alone it takes twice as many, because that disk may be the cause. Disks
 * without a serial of their own may all be one, unless they had their trouble at once.
 */
export function isUnreliable(
  dock: DockRecord & DockPlace,
  all: readonly (DockRecord & DockPlace)[],
  { incidents: limit }: DockLimits,
): boolean {
  const counted = countedIncidents(dock, all);
  const isToBlame = blamedDisks(dock, all);
  const named = counted.flatMap(({ disks }) => disks).filter((disk) => disk !== '');
  const several = new Set(named.filter((disk) => !isToBlame(disk))).size > 1;
  const isCertain = (one: DockIncident) =>
    several || isOfLinkAlone(one) || (one.ofSeveral === true && !one.disks.some(isToBlame));
  const certain = counted.filter(isCertain).length;
  return certain + (counted.length - certain) / 2 >= limit;
}

function isOfLinkAlone({ counts }: DockIncident): boolean {
  return SIGN_KINDS.some((kind) => DOCK_SIGNS[kind].ofLinkAlone && counts[kind] !== undefined);
}

/** Whether another driver may help: the one that it has is the one that hangs. */
export function mayLearn({ bridge, driver, unreliableSince }: Dock): boolean {
  return bridge !== null && driver === 'uas' && unreliableSince !== null;
}

/** What was counted, for technicians and operators: `3 incidents since …: 2 resets, 1 disconnect`. */
function countedInWords({ incidents }: Pick<DockRecord, 'incidents'>): string {
  const [first] = incidents;
  if (first === undefined) return 'no incident is left in the window';
  const sum = (kind: DockSignKind) =>
    incidents.reduce((total, { counts }) => total + (counts[kind] ?? 0), 0);
  const kinds = SIGN_KINDS.filter((kind) => sum(kind) > 0);
  const what = kinds.map((kind) => signInWords(kind, sum(kind))).join(', ');
  const disks = new Set(incidents.flatMap((incident) => incident.disks));
  const many = `${incidents.length} incident${incidents.length === 1 ? '' : 's'}`;
  const since = `${first.at.slice(0, 16).replace('T', ' ')} UTC`;
  return `${many} since ${since}, with ${disks.size} disk${disks.size === 1 ? '' : 's'}: ${what}`;
}

/** What to try, the cheapest first. */
export const DOCK_NEXT_STEP = 'Try another cable, another port, another dock.';

/** What was counted at a place: `JMS578 (152d:0578), 3 incidents since …, with 2 disks: 2 resets.` */
export function dockInWords(dock: DockRecord & Pick<SeenDock, 'bridge' | 'product'>): string {
  const { bridge, product } = dock;
  const counted = `${countedInWords(dock)}.`;
  if (bridge === null) return counted;
  return `${product === null || product === '' ? bridge : `${product} (${bridge})`}, ${counted}`;
}

/** What is known of docks, and what the station does about it. */
export interface KnownDocks {
  readonly docks: readonly Dock[];
  readonly quirks: readonly LearnedQuirk[];
  readonly rebinding: Rebinding;
}

/** Whether the station may bind a bridge to another driver by itself, and where that did not work. */
export interface Rebinding {
  readonly isAllowed: boolean;
  /** Why, in words, by `placeKey`. */
  readonly failures: ReadonlyMap<string, string>;
}

/** What is done, or can be done by a person, about a bridge that hangs with UAS. */
export function quirkInWords(dock: SeenDock, known: KnownDocks): string | undefined {
  const { bridge, driver } = dock;
  if (bridge === null || !known.quirks.some((quirk) => quirk.bridge === bridge)) return undefined;
  if (driver === 'usb-storage') return 'It is driven by usb-storage, which is slower than UAS.';
  if (driver !== 'uas') return undefined;
  const { isAllowed, failures } = known.rebinding;
  const failure = failures.get(placeKey(dock));
  if (isAllowed && failure === undefined) {
    return 'Before its next copy it is bound to usb-storage instead of UAS.';
  }
  const line = `"options usb-storage quirks=${bridge}:u"`;
  const byHand = `put the line ${line} into /etc/modprobe.d/drive-station.conf and boot`;
  const better = 'It is driven by UAS. usb-storage is slower and often holds:';
  if (failure === undefined) return `${better} ${byHand}, or allow docks.rebindUsb.`;
  return `${better} ${byHand}. The station could not do it: ${failure}.`;
}

/**
 * What the kernel's words, its counters and the coming and going of a disk say of the way between disk
 * and machine. Pure. The wording is that of the drivers in Linux 6: `usbcore`, `uas`, `usb-storage`,
 * `xhci-hcd`, `libata`, `mpt3sas` and `nvme`.
 */

export const DOCK_SIGNS = {
  /** The device was reset, after a command that it did not answer. */
  reset: { one: 'reset', many: 'resets', ofLinkAlone: false },
  /** A command was taken back. */
  abort: { one: 'aborted command', many: 'aborted commands', ofLinkAlone: false },
  /** The kernel gave the disk up although it was plugged in. */
  offlined: {
    one: 'disk given up by the kernel',
    many: 'disks given up by the kernel',
    ofLinkAlone: false,
  },
  /** What is told over the wire arrives broken, or not at all. */
  link: { one: 'broken transmission', many: 'broken transmissions', ofLinkAlone: true },
  /** The controller itself stopped. */
  controller: { one: 'stop of the controller', many: 'stops of the controller', ofLinkAlone: true },
  /** The disk left in mid-copy and was back in its place sooner than a person puts it back. */
  drop: { one: 'disconnect', many: 'disconnects', ofLinkAlone: true },
  /** Commands failed and came through when the kernel tried again (`ioerr_cnt`). */
  retries: { one: 'retried command', many: 'retried commands', ofLinkAlone: false },
  /** Commands timed out (`iotmo_cnt`). */
  'time-outs': { one: 'time-out', many: 'time-outs', ofLinkAlone: false },
} as const satisfies Readonly<Record<string, { one: string; many: string; ofLinkAlone: boolean }>>;

export type DockSignKind = keyof typeof DOCK_SIGNS;
export const SIGN_KINDS = Object.keys(DOCK_SIGNS) as DockSignKind[];

/** A sign against the dock, or, as `medium`, one against the disk itself. */
export type KernelSign = DockSignKind | 'medium';

/**
 * What a person does to a disk looks alike in part: a pull in mid-copy ends the commands of a UAS disk
 * (`uas_zap_pending`) and resets a SATA link (`DevExch`, `action 0xe`). None of that is a sign.
 */
const SIGNS: readonly (readonly [KernelSign, RegExp])[] = [
  [
    'medium',
    /critical medium error|Sense Key : Medium Error|Unrecovered read error|error: \{[^}]*\bUNC\b|sct 0x2 \/ sc 0x81/u,
  ],
  ['controller', /HC died; cleaning up|not responding, assume dead/u],
  ['offlined', /Device offlined - not ready after error recovery/u],
  [
    'abort',
    /uas_eh_abort_handler|attempting task abort|^nvme \w+: I\/O .*timeout, (?:aborting|completion polled)/u,
  ],
  [
    'reset',
    /^usb \S+: reset \S+(?: \S+ \d)? USB device number|attempting device reset|^ata\d+\.\d+: exception .*action 0x[26] frozen|^nvme \w+: .*(?:timeout, reset controller|controller is down; will reset)/u,
  ],
  [
    'link',
    /^usb \S+: (?:device descriptor read\/\S+, error|device not accepting address|Device not responding to setup address|device firmware changed)/u,
  ],
];

const SATA_ERRORS = /^ata\d+(?:\.\d+)?: SError: \{(?<flags>[^}]*)\}/u;
const SATA_LINK = /\b(?:BadCRC|10B8B|Dispar|LinkSeq|UnrecovData|Handshk|TrStaTrns)\b/u;

/** What a line of the kernel's log is a sign of, whichever disk it is about. */
export function kernelSignOf(line: string): KernelSign | undefined {
  const flags = SATA_ERRORS.exec(line)?.groups?.flags;
  if (flags !== undefined) {
    return SATA_LINK.test(flags) && !flags.includes('DevExch') ? 'link' : undefined;
  }
  return SIGNS.find(([, words]) => words.test(line))?.[0];
}

/** `3 resets`. */
export function signInWords(kind: DockSignKind, n: number): string {
  const { one, many } = DOCK_SIGNS[kind];
  return `${n} ${n === 1 ? one : many}`;
}

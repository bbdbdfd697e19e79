import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type AdmissionOptions,
  type AdmittedDisk,
  admitDisk,
} from '../../../src/detect/admit-disk.ts';
import { type Admission, admissionInWords } from '../../../src/domain/admission.ts';
import type { BridgeId } from '../../../src/domain/disk.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../../support/ledger.ts';

/** A sysfs in a directory, and a stand-in for smartctl that answers in the words of smartctl 7.3. */

let scratch: TemporaryDirectory;
const never = new AbortController().signal;
const SATA = 'devices/pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0';
const USB = 'devices/pci0000:00/0000:00:14.0/usb2/2-1/2-1:1.0/host3/target3:0:0/3:0:0:0';

const DISK: AdmittedDisk = {
  devicePath: '/dev/sdb',
  transport: 'sata',
  rotational: true,
  health: { status: 'passed' },
};
const RULES = {
  errorRecoveryMs: 7000,
  commandTimeoutMs: 150_000,
  ehDeadlineMs: 60_000,
  keepAwake: true,
};

/** How drives behave; each line of the stand-in is what such a drive answers. */
const ERC_OFF = '{"read":{"enabled":false},"write":{"enabled":false}}';
const ERC_7 =
  '{"read":{"enabled":true,"deciseconds":70},"write":{"enabled":true,"deciseconds":70}}';
const answer = (exit: number, more = '') =>
  `printf '%s' '{"json_format_version":[1,0],"smartctl":{"version":[7,3],"exit_status":${exit}},"device":{"name":"/dev/sdb","type":"sat","protocol":"ATA"}${more}}'; exit ${exit}`;
const erc = (limits: string) => answer(0, `,"ata_sct_erc":${limits}`);

const DRIVES = {
  /** A desktop drive with error recovery control that is switched off. */
  obedient: `case "$*" in *scterc,*) ${erc(ERC_7)};; *scterc*) ${erc(ERC_OFF)};; *) ${answer(0)};; esac`,
  array: `case "$*" in *scterc*) ${erc(ERC_7)};; *) ${answer(0)};; esac`,
  stubborn: `case "$*" in *scterc,*) ${answer(4)};; *scterc*) ${erc(ERC_OFF)};; *) ${answer(4)};; esac`,
  without: `case "$*" in *scterc*) ${answer(0)};; *) ${answer(4)};; esac`,
  sas: `printf '%s' '{"smartctl":{"exit_status":0},"device":{"protocol":"SCSI"}}'`,
  unreachable: `printf '%s' '{"smartctl":{"exit_status":2,"messages":[{"string":"Smartctl open device: /dev/sdb failed: No such device","severity":"error"}]}}'; exit 2`,
  babbling: 'echo no JSON',
  /** Hangs where no signal would reach a real one. */
  hanging: 'sleep 600',
} as const;

beforeEach(async () => {
  scratch = await temporaryDirectory();
  await plugged(SATA);
});
afterEach(() => scratch[Symbol.asyncDispose]());

async function put(path: string, text: string): Promise<string> {
  const file = join(scratch.path, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
  return file;
}

async function plugged(place: string): Promise<void> {
  await put(`${place}/timeout`, '30\n');
  await mkdir(join(scratch.path, `${place}/block/sdb`), { recursive: true });
  await symlink(join(scratch.path, place), join(scratch.path, `${place}/block/sdb/device`));
  await mkdir(join(scratch.path, 'block'), { recursive: true });
  await symlink(join(scratch.path, `${place}/block/sdb`), join(scratch.path, 'block/sdb'));
}

async function moved(place: string): Promise<void> {
  await scratch[Symbol.asyncDispose]();
  scratch = await temporaryDirectory();
  await plugged(place);
}

interface Wishes extends Partial<Pick<AdmissionOptions, 'deadlineMs' | 'onAbandoned'>> {
  readonly disk?: Partial<AdmittedDisk>;
  readonly rules?: Partial<typeof RULES>;
}

async function admitted(
  drive: keyof typeof DRIVES,
  { disk = {}, rules = {}, ...over }: Wishes = {},
): Promise<Admission> {
  const calls = join(scratch.path, 'calls');
  const smartctl = await put('smartctl', `#!/bin/sh\necho "$*" >>${calls}\n${DRIVES[drive]}\n`);
  await chmod(smartctl, 0o755);
  const sources = { sysRoot: scratch.path, smartctl, deadlineMs: 60_000, ...over };
  const options = { rules: { ...RULES, ...rules }, ...sources };
  return await admitDisk({ ...DISK, ...disk }, options, never);
}

const calls = async () =>
  (await readFile(join(scratch.path, 'calls'), 'utf8').catch(() => '')).trim().split('\n');
const timeout = async (place = SATA) =>
  (await readFile(join(scratch.path, place, 'timeout'), 'utf8')).trim();

describe('a drive that is admitted', () => {
  it('is limited by volatile commands alone; the kernel waits long enough as it is', async () => {
    expect(admissionInWords(await admitted('obedient'))).toEqual([
      'Error recovery of the drive: 7 s (was without limit)',
      'Time-out of the kernel: 30 s, left as it is: it is long enough',
      'Standby timer: off',
    ]);
    expect(await calls()).toEqual([
      '-j -l scterc /dev/sdb',
      '-j -l scterc,70,70 /dev/sdb',
      '-j -s standby,off /dev/sdb',
    ]);
    expect(await timeout()).toBe('30');
  });

  it('is told nothing that it does by itself', async () => {
    expect(await admitted('array')).toMatchObject({
      settings: [{ name: 'error-recovery', now: 7000, outcome: 'kept' }, {}, {}],
    });
    expect(await calls()).not.toContain('-j -l scterc,70,70 /dev/sdb');
  });

  it('has more of the kernel’s patience when it cannot be limited', async () => {
    const admission = await admitted('without');
    expect(admissionInWords(admission).slice(0, 2)).toEqual([
      'Error recovery of the drive: unknown, left as it is: the drive has no SCT error recovery control',
      'Time-out of the kernel: 150 s (was 30 s)',
    ]);
    expect(await timeout()).toBe('150');
  });

  it('may refuse all of it, which is a fact and no error', async () => {
    expect(admissionInWords(await admitted('stubborn'))).toEqual([
      'Error recovery of the drive: without limit, could not be set: the drive refused 7 s',
      'Time-out of the kernel: 150 s (was 30 s)',
      'Standby timer: unknown, could not be set: the drive refused',
    ]);
  });

  it.each([
    ['sas', 'a drive that speaks SCSI'],
    ['unreachable', 'Smartctl open device: /dev/sdb failed: No such device'],
    ['babbling', 'was not understood'],
  ] as const)('as %s is left alone', async (drive, why) => {
    const [recovery = ''] = admissionInWords(await admitted(drive));
    expect(recovery).toContain('left as it is');
    expect(recovery).toContain(why);
  });

  it('that speaks SCSI, or has no platters, keeps the time-out it has', async () => {
    await admitted('sas');
    await admitted('without', { disk: { rotational: false } });
    expect(await timeout()).toBe('30');
    expect(await calls()).not.toContain('-j -s standby,off /dev/sdb');
  });

  it('is not touched where the configuration says so', async () => {
    const rules = { errorRecoveryMs: 0, keepAwake: false };
    expect(await admitted('obedient', { rules })).toMatchObject({
      settings: [{ why: 'so configured' }, { why: 'so configured' }, { why: 'so configured' }],
    });
    expect(await calls()).toEqual(['']);
  });

  it.each(['nvme', 'loop', 'virtio', 'mmc'] as const)(
    'has no settings as %s',
    async (transport) => {
      expect(await admitted('obedient', { disk: { transport } })).toMatchObject({ kind: 'none' });
      expect(await calls()).toEqual(['']);
    },
  );
});

describe('a drive behind a USB bridge', () => {
  const behind = (id: string) => {
    const bridge = { id: id as BridgeId, product: null, driver: 'uas' };
    return { transport: 'usb', link: { port: 'usb-0:1', bridge, kernelNames: [] } } as const;
  };
  const usb = behind('0bc2:2322');
  beforeEach(() => moved(USB));

  it('is asked when the bridge has just answered for its health', async () => {
    expect(admissionInWords(await admitted('obedient', { disk: usb }))[0]).toContain('7 s');
  });

  it('is not asked through a bridge that gave no answer; the kernel waits longer', async () => {
    const disk = { ...usb, health: { status: 'unknown' } } as const;
    const words = admissionInWords(await admitted('obedient', { disk }));
    expect(words[0]).toContain('its bridge gave no answer about the drive');
    expect(await timeout(USB)).toBe('150');
    expect(await calls()).toEqual(['']);
  });

  it('is never asked through one that is known to break down', async () => {
    const words = admissionInWords(await admitted('obedient', { disk: behind('152d:0583') }));
    expect(words[0]).toContain('JMicron JMS583: it hung for two minutes when it was asked');
    expect(await calls()).toEqual(['']);
  });
});

describe('a drive that hangs when it is asked', () => {
  it('is given up in time, told of, and not asked again', async () => {
    const groups: number[] = [];
    const onAbandoned = (group: number) => groups.push(group);
    const words = admissionInWords(await admitted('hanging', { deadlineMs: 2000, onAbandoned }));
    expect(words[0]).toContain('the drive did not answer within 2 s');
    expect(words[2]).toContain('the drive did not answer within 2 s');
    expect(groups).toHaveLength(1);
    expect((await calls()).length).toBeLessThanOrEqual(1);
  });
});

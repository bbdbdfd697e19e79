import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Admission, admissionInWords } from '../../../src/domain/admission.ts';
import type { AttachedDisk, DiskKey } from '../../../src/domain/disk.ts';
import { DISK_RESETS_MAX } from '../../../src/limits.ts';
import { DiskQuestions, type DiskQuestionsOptions } from '../../../src/work/disk-questions.ts';
import { aDisk } from '../../support/domain.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../../support/ledger.ts';

/** One SAS controller with a SATA disk on it, in a directory, and a drive that can be limited. */

let scratch: TemporaryDirectory;
const never = new AbortController().signal;
const PLACE = 'devices/pci0000:00/host2/port-2:0/end_device-2:0/target2:0:0/2:0:0:0';
const SMARTCTL = `#!/bin/sh
echo "$*" >>"$(dirname "$0")/calls"
printf '%s' '{"smartctl":{"exit_status":0},"device":{"protocol":"ATA"},"ata_sct_erc":{"read":{'
case "$*" in *scterc,*) printf '"enabled":true,"deciseconds":70' ;; *) printf '"enabled":false' ;; esac
printf '}}}'
`;

beforeEach(async () => {
  scratch = await temporaryDirectory();
  await put(`${PLACE}/timeout`, '30\n');
  await put('class/scsi_host/host2/eh_deadline', 'off\n');
  await mkdir(join(scratch.path, `${PLACE}/block/sdb`), { recursive: true });
  await mkdir(join(scratch.path, 'block'));
  await symlink(join(scratch.path, PLACE), join(scratch.path, `${PLACE}/block/sdb/device`));
  await symlink(join(scratch.path, `${PLACE}/block/sdb`), join(scratch.path, 'block/sdb'));
  await put('smartctl', SMARTCTL);
  await chmod(join(scratch.path, 'smartctl'), 0o755);
});
afterEach(() => scratch[Symbol.asyncDispose]());

async function put(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(scratch.path, path)), { recursive: true });
  await writeFile(join(scratch.path, path), text);
}

const textOf = async (path: string) => (await readFile(join(scratch.path, path), 'utf8')).trim();

/** A detector that has found this disk and remembers what is noted of it. */
class OneDisk {
  disk: AttachedDisk = {
    ...aDisk({ serials: ['ZC18QV4T'], port: 'Bay 1', diskseq: 7 }),
    ...{ devicePath: '/dev/sdb', transport: 'sas', rotational: true },
  };
  facts() {
    return { known: true, disks: [this.disk] } as const;
  }
  noteHealth(): void {}
  noteAdmission(_key: DiskKey, admission: Admission): void {
    this.disk = { ...this.disk, admission };
  }
}

interface Asked {
  readonly warn?: (fields: object, words: string) => void;
  readonly over?: Partial<DiskQuestionsOptions>;
}

async function questions(
  detector: OneDisk,
  { warn = () => undefined, over = {} }: Asked = {},
): Promise<DiskQuestions> {
  const options: DiskQuestionsOptions = {
    ...{ resetUsb: false, readHangMs: 240_000, spinUpMs: 60_000 },
    ...{ errorRecoveryMs: 7000, ehDeadlineMs: 60_000, keepAwake: true },
    ...{ hostsDirectory: join(scratch.path, 'hosts'), bootId: 'boot-1' },
    machine: { sysRoot: scratch.path, smartctl: join(scratch.path, 'smartctl') },
    ...over,
  };
  const logger = { info: () => undefined, warn };
  return await DiskQuestions.create(options, {
    ...{ detector, logger },
    holders: { toolHangs: () => undefined },
    docks: { watch: { expectReplug: () => () => undefined } },
  });
}

describe('what is set for a copy', () => {
  it('is set once an attachment, shown with the disk, and given back where it outlives the disk', async () => {
    const detector = new OneDisk();
    const disks = await questions(detector);
    const admission = await disks.admit(detector.disk, never);
    expect(admissionInWords(admission)).toEqual([
      'Error recovery of the drive: 7 s (was without limit)',
      'Time-out of the kernel: 30 s, left as it is: it is long enough',
      'Standby timer: off',
      'Error handling of the host: 60 s (was without limit)',
    ]);
    expect(detector.disk.admission).toEqual(admission);
    expect(await textOf('class/scsi_host/host2/eh_deadline')).toMatch(/^60/u);
    await disks.release(detector.disk);
    expect(await textOf('class/scsi_host/host2/eh_deadline')).toBe('off');

    const calls = await textOf('calls');
    expect(await disks.admit(detector.disk, never)).toEqual(admission);
    expect(await textOf('calls')).toBe(calls);
    await disks.close();
    expect(await textOf('class/scsi_host/host2/eh_deadline')).toBe('off');
  });
});

it('what became of a reset stands in the log', async () => {
  const detector = new OneDisk();
  const warned: unknown[] = [];
  const disks = await questions(detector, { warn: (fields) => warned.push(fields) });
  const { key, bay } = detector.disk;
  const outcome = await disks.reset({ ...detector.disk, transport: 'usb' });
  expect(outcome.kind).toBe('skipped');
  expect(warned).toEqual([{ disk: key, bay, outcome }]);
  await disks.close();
});

it('a disk that hangs again after three resets is not reset once more', async () => {
  const usb = 'devices/pci0000:00/usb2/2-1';
  const place = `${usb}/2-1:1.0/host3/target3:0:0/3:0:0:0/block/sdc`;
  await put(`${usb}/authorized`, '1');
  await put(`${place}/diskseq`, '7');
  await symlink(join(scratch.path, place), join(scratch.path, 'block/sdc'));
  const detector = new OneDisk();
  const disks = await questions(detector, { over: { resetUsb: true } });
  const disk: AttachedDisk = { ...detector.disk, devicePath: '/dev/sdc', transport: 'usb' };
  for (let times = 0; times < DISK_RESETS_MAX; times++) {
    expect(await disks.reset(disk)).toEqual({ kind: 'done' });
  }
  expect(await disks.reset(disk)).toEqual({
    kind: 'skipped',
    words: 'it was reset 3 times within a day and hangs again',
  });
  await disks.close();
});

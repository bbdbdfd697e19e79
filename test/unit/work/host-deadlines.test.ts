import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DiskKey } from '../../../src/domain/disk.ts';
import { HostDeadlines } from '../../../src/work/host-deadlines.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../../support/ledger.ts';

/** A controller with three disks, as sysfs lays it out, in a directory. */

let scratch: TemporaryDirectory;
const CUSTOMERS = new Set(['sdb', 'sdc', 'sdd']);
const logger = { info: () => undefined, warn: () => undefined };

beforeEach(async () => {
  scratch = await temporaryDirectory();
  for (const name of ['sdb', 'sdc', 'sdd']) await plugged(name, 'host2');
  await put('class/scsi_host/host2/eh_deadline', 'off\n');
});
afterEach(() => scratch[Symbol.asyncDispose]());

async function put(path: string, text: string): Promise<void> {
  const file = join(scratch.path, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
}

async function plugged(name: string, host: string): Promise<void> {
  const block = join(scratch.path, `devices/${host}/target/${name}/block/${name}`);
  await mkdir(block, { recursive: true });
  await mkdir(join(scratch.path, 'block'), { recursive: true });
  await symlink(block, join(scratch.path, 'block', name));
}

const disk = (name: string) => ({ key: `${name}#1` as DiskKey, devicePath: `/dev/${name}` });
/** The kernel shows seconds; what was written to a plain file stays behind a shorter text. */
const deadline = async (host = 'host2') =>
  (await readFile(join(scratch.path, `class/scsi_host/${host}/eh_deadline`), 'utf8')).trim();
const notes = () => readdir(join(scratch.path, 'hosts'));

function created(bootId = 'boot-1', ehDeadlineMs = 60_000): Promise<HostDeadlines> {
  const directory = join(scratch.path, 'hosts');
  const options = { directory, bootId, ehDeadlineMs, sysRoot: scratch.path };
  return HostDeadlines.create(options, { logger });
}

describe('the error handling of a host', () => {
  it('is limited from its first copy to its last', async () => {
    const hosts = await created();
    const set = { name: 'eh-deadline', now: 60_000, outcome: 'set', before: 'off' };
    expect(await hosts.hold(disk('sdb'), CUSTOMERS)).toEqual(set);
    expect(await deadline()).toMatch(/^60/u);
    expect(await hosts.hold(disk('sdc'), CUSTOMERS)).toEqual(set);
    await hosts.release(disk('sdb').key);
    expect(await deadline()).toMatch(/^60/u);
    await hosts.release(disk('sdc').key);
    expect(await deadline()).toBe('off');
    expect(await notes()).toEqual([]);
  });

  it('is given back later where the host refuses, as one that recovers from an error does', async () => {
    const file = join(scratch.path, 'class/scsi_host/host2/eh_deadline');
    const hosts = await created();
    await hosts.hold(disk('sdb'), CUSTOMERS);
    await rm(file);
    await symlink('/dev/full', file);
    await hosts.release(disk('sdb').key);
    expect(await notes()).toEqual(['host2.json']);
    await rm(file);
    await put('class/scsi_host/host2/eh_deadline', '60\n');
    expect(await hosts.hold(disk('sdc'), CUSTOMERS)).toMatchObject({ outcome: 'set' });
    await hosts.release(disk('sdc').key);
    expect(await deadline()).toBe('off');
    expect(await notes()).toEqual([]);
  });

  it('keeps no daemon from starting, whatever lies in its directory', async () => {
    await mkdir(join(scratch.path, 'hosts', 'somebody’s'), { recursive: true });
    const hosts = await created();
    expect(await hosts.hold(disk('sdb'), CUSTOMERS)).toMatchObject({ outcome: 'set' });
  });

  it('is not ours where a disk hangs on it that is no customer’s', async () => {
    const hosts = await created();
    await plugged('sda', 'host2');
    const kept = { now: 'off', outcome: 'kept', why: 'sda hangs on host2 too' };
    expect(await hosts.hold(disk('sdb'), CUSTOMERS)).toMatchObject(kept);
    expect(await deadline()).toBe('off');
  });

  it('stays as somebody has set it, where there is none, and where it is so configured', async () => {
    await put('class/scsi_host/host2/eh_deadline', '30\n');
    const hosts = await created();
    expect(await hosts.hold(disk('sdb'), CUSTOMERS)).toMatchObject({
      ...{ now: 30_000, outcome: 'kept', why: 'somebody has set it' },
    });
    await rm(join(scratch.path, 'class/scsi_host/host2/eh_deadline'));
    expect(await hosts.hold(disk('sdb'), CUSTOMERS)).toMatchObject({ outcome: 'kept' });
    await put('class/scsi_host/host2/eh_deadline', 'off\n');
    const left = await created('boot-1', 0);
    expect(await left.hold(disk('sdb'), CUSTOMERS)).toMatchObject({ why: 'so configured' });
    expect(await hosts.hold(disk('nvme0n1'), CUSTOMERS)).toBeUndefined();
    expect(await deadline()).toBe('off');
  });

  it('is given back when the station stops', async () => {
    const hosts = await created();
    await hosts.hold(disk('sdb'), CUSTOMERS);
    await hosts.close();
    expect(await deadline()).toBe('off');
    expect(await notes()).toEqual([]);
  });

  it('is given back by the next daemon after a kill, if nobody has changed it since', async () => {
    await (await created()).hold(disk('sdb'), CUSTOMERS);
    await put('class/scsi_host/host2/eh_deadline', '60\n');
    await created();
    expect(await deadline()).toBe('off');

    await (await created()).hold(disk('sdb'), CUSTOMERS);
    await put('class/scsi_host/host2/eh_deadline', '90\n');
    await created();
    expect(await deadline()).toBe('90');
    expect(await notes()).toEqual([]);
  });

  it('is not that of an earlier boot, whose numbers of hosts mean nothing', async () => {
    await (await created('boot-1')).hold(disk('sdb'), CUSTOMERS);
    await put('class/scsi_host/host2/eh_deadline', '60\n');
    await put('hosts/half.json', '{"bootId":');
    await created('boot-2');
    expect(await deadline()).toBe('60');
    expect(await notes()).toEqual([]);
  });
});

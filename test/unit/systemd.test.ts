import { execFile, execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EXIT } from '../../src/commands/exit-codes.ts';
import { configSchema } from '../../src/config.ts';
import { RING_BYTES, SHUTDOWN_DEADLINE_MS } from '../../src/limits.ts';

const run = promisify(execFile);
const MIB = 1024 * 1024;
const FOLDER = resolve('systemd');
const HELPER = join(FOLDER, 'drive-station-bay');
/** What one copy may take beside its ring, and what the daemon with its tools may take: the unit's sum. */
const COPY_BYTES = 384 * MIB;
const DAEMON_BYTES = 512 * MIB;

function has(tool: string, args: readonly string[] = ['--version']): boolean {
  try {
    execFileSync(tool, args, { stdio: 'ignore' });
    return true;
  } catch {
    process.stderr.write(`systemd.test.ts: ${tool} does not work here; its tests are SKIPPED\n`);
    return false;
  }
}

let scratch: string;
beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'drive-station-systemd-'));
});
afterEach(() => rm(scratch, { recursive: true, force: true }));

/** The unit's settings: key to values, in order. */
async function unitSettings(): Promise<ReadonlyMap<string, readonly string[]>> {
  const text = await readFile(join(FOLDER, 'drive-station.service'), 'utf8');
  const settings = new Map<string, string[]>();
  for (const [, key = '', value = ''] of text.matchAll(/^([A-Za-z]+)=(.*)$/gmu)) {
    settings.set(key, [...(settings.get(key) ?? []), value]);
  }
  return settings;
}

describe('the service unit', () => {
  const ANALYZE = has('systemd-analyze');

  it.skipIf(!ANALYZE)('is valid in every line', async () => {
    const file = join(scratch, 'drive-station.service');
    const text = await readFile(join(FOLDER, 'drive-station.service'), 'utf8');
    await writeFile(file, text.replaceAll('/opt/drive-station', process.cwd()));
    const { stdout, stderr } = await run('systemd-analyze', ['verify', file]);
    expect(stdout + stderr).toBe('');
  });

  it.skipIf(!ANALYZE)('exposes little (3.0 of 10 at most)', async () => {
    const options = ['security', '--offline=yes', '--no-pager', '--threshold=30'];
    const file = join(FOLDER, 'drive-station.service');
    const { stdout } = await run('systemd-analyze', [...options, file]);
    expect(stdout).toMatch(/Overall exposure level for drive-station.service: [0-3]\.\d OK/u);
  });

  it('opens block devices for reading, and beside them only what mounts volumes', async () => {
    const settings = await unitSettings();
    expect(settings.get('DevicePolicy')).toEqual(['closed']);
    expect(settings.get('DeviceAllow')).toEqual([
      'block-* r',
      '/dev/fuse rw',
      '/dev/loop-control rw',
      '/dev/mapper/control rw',
    ]);
    expect(settings.get('RestrictNamespaces')).toEqual(['mnt']);
  });

  it('writes to no setting of the kernel but what udev gives to its group', async () => {
    const settings = await unitSettings();
    expect(settings.get('ProtectKernelTunables')).toEqual(['yes']);
    expect(settings.get('ReadWritePaths')).toEqual(['/sys/devices']);
    expect(settings.get('CapabilityBoundingSet')).toEqual(['CAP_SYS_ADMIN CAP_SYS_RAWIO']);
  });

  it('finds what was compiled ahead, where it cannot write', async () => {
    const settings = await unitSettings();
    const cache = /^cache=(.*)$/mu.exec(await readFile('bin/precompile', 'utf8'))?.[1];
    expect(settings.get('Environment')).toEqual([`NODE_COMPILE_CACHE=/opt/drive-station/${cache}`]);
    expect(settings.get('ProtectSystem')).toEqual(['strict']);
    const user = (await readFile('bin/precompile', 'utf8')).match(/\$\{1:-(\S+)\}/u)?.[1];
    expect(settings.get('User')).toEqual([user]);
  });

  it('gives the longest step of a start its time: nothing can be said while a ledger is checked', async () => {
    const seconds = Number((await unitSettings()).get('TimeoutStartSec')?.[0]);
    expect(seconds).toBeGreaterThanOrEqual(600);
  });

  it('gives the daemon longer to stop than the daemon gives its parts', async () => {
    const seconds = Number((await unitSettings()).get('TimeoutStopSec')?.[0]);
    expect(seconds * 1000).toBeGreaterThan(SHUTDOWN_DEADLINE_MS);
  });

  it('has memory for the default number of copies', async () => {
    const gib = /^(\d+)G$/u.exec((await unitSettings()).get('MemoryMax')?.[0] ?? '')?.[1];
    const { maxDrives, sickConcurrent } = configSchema.parse({}).copy;
    const copies = maxDrives + sickConcurrent;
    expect(COPY_BYTES).toBeGreaterThan(2 * RING_BYTES);
    expect(Number(gib) * 1024 * MIB).toBeGreaterThanOrEqual(DAEMON_BYTES + copies * COPY_BYTES);
  });

  it('is not restarted over a wrong configuration, a damaged ledger or an unfit machine', async () => {
    const codes = (await unitSettings()).get('RestartPreventExitStatus')?.[0]?.split(' ');
    expect(codes).toContain(String(EXIT.usage));
    expect(codes).toContain(String(EXIT.ledger));
    const launcher = await readFile('bin/drive-station', 'utf8');
    for (const [, code] of launcher.matchAll(/exit (\d+)/gu)) expect(codes).toContain(code);
  });
});

describe('the configuration that is installed', () => {
  it('shows secrets where systemd hands them to the service', async () => {
    const [name] = (await unitSettings()).get('LoadCredential')?.[0]?.split(':') ?? [];
    const text = await readFile('config/station.yaml', 'utf8');
    const files = [...text.matchAll(/File: (\S+)/gu)].map(([, file]) => file);
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) {
      expect(file).toMatch(new RegExp(`^/run/credentials/drive-station.service/${name}_`, 'u'));
    }
  });
});

describe('user and directories', () => {
  const TOOLS = has('systemd-sysusers') && has('systemd-tmpfiles') && process.getuid?.() === 0;

  it.skipIf(!TOOLS)('are made for the user that the unit names', async () => {
    await mkdir(join(scratch, 'etc'));
    await run('systemd-sysusers', [`--root=${scratch}`, join(FOLDER, 'drive-station.sysusers')]);
    const options = ['--create', `--root=${scratch}`];
    await run('systemd-tmpfiles', [...options, join(FOLDER, 'drive-station.tmpfiles')]);

    const users = await readFile(join(scratch, 'etc/passwd'), 'utf8');
    const groups = await readFile(join(scratch, 'etc/group'), 'utf8');
    const user = (await unitSettings()).get('User')?.[0] ?? '';
    expect(users).toContain(`${user}:x:`);
    expect(users).toContain('nologin');
    expect(groups).toMatch(new RegExp(`^disk:x:\\d+:${user}$`, 'mu'));

    const gid = Number(new RegExp(`^${user}:x:(\\d+):`, 'mu').exec(groups)?.[1]);
    const directory = await stat(join(scratch, 'etc/drive-station'));
    expect([directory.mode & 0o777, directory.gid]).toEqual([0o750, gid]);
    const secrets = await stat(join(scratch, 'etc/drive-station/secrets'));
    expect([secrets.mode & 0o777, secrets.uid, secrets.gid]).toEqual([0o700, 0, 0]);
  });
});

describe('the udev rules', () => {
  const UDEV = has('udevadm') && has('unshare', ['-m', 'true']) && process.getuid?.() === 0;

  /** What udevd says about a rules file when it reads it, beside all others of this machine. */
  async function complaints(rules: string, name = '60-drive-station.rules'): Promise<string[]> {
    const file = join(scratch, name);
    await writeFile(file, rules);
    const script = `mount -t tmpfs none /run && mkdir -p /run/udev/rules.d && cp "$1" /run/udev/rules.d/ &&
      exec udevadm test /sys/class/mem/null`;
    const { stdout, stderr } = await run('unshare', ['-m', 'sh', '-c', script, 'sh', file], {
      maxBuffer: 64 * MIB,
    });
    const lines = (stdout + stderr).split('\n').filter((line) => line.includes(name));
    expect(lines[0]).toBe(`Reading rules file: /run/udev/rules.d/${name}`);
    return lines.slice(1);
  }

  it.skipIf(!UDEV)('are understood by udev', async () => {
    const rules = await readFile(join(FOLDER, '60-drive-station.rules'), 'utf8');
    await expect(complaints(rules)).resolves.toEqual([]);
    await expect(complaints(`${rules}\nENV{SYSTEMD_READY}="0", FOO="1"\n`)).resolves.not.toEqual(
      [],
    );
  });

  it.skipIf(!UDEV).each([
    ['reset a USB device', '61-drive-station-reset.rules', 'authorized'],
    ['keep uas away from a bridge', '62-drive-station-rebind.rules', 'parameters/quirks'],
  ])('that let the service %s are understood as well', async (_, name, file) => {
    const rules = await readFile(join(FOLDER, name), 'utf8');
    await expect(complaints(rules, name)).resolves.toEqual([]);
    const group = (await unitSettings()).get('Group')?.[0];
    expect(rules).toContain(`chgrp ${group} /sys$devpath/${file}`);
  });

  it('come before the rules that look into disks', () => {
    const order = ['60-drive-station.rules', '60-persistent-storage.rules'];
    expect(order.toSorted()).toEqual(order);
  });
});

describe('the bays of customers’ disks', () => {
  const PORT = 'pci-0000:00:14.0-usb-0:3:1.0-scsi-0:0:0:0';
  const DISK = '/devices/pci0000:00/usb2/2-3/host6/target6:0:0/6:0:0:0/block/sdb';

  async function put(file: string, text: string): Promise<void> {
    await mkdir(dirname(join(scratch, file)), { recursive: true });
    await writeFile(join(scratch, file), text);
  }

  beforeEach(async () => {
    await put(`sys${DISK}/dev`, '8:16\n');
    await put(`sys${DISK}/sdb1/dev`, '8:17\n');
    await mkdir(join(scratch, `sys${DISK}/holders`));
    await mkdir(join(scratch, `sys${DISK}/sdb1/holders`));
    await put('proc/1/mountinfo', '22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n');
    await put('proc/swaps', 'Filename Type Size Used Priority\n/dev/sda2 partition 1 0 -2\n');
    await put('etc/drive-station/ingest-bays', `# bays\n\n${PORT}   Bay 3\n`);
    await put('bin/blockdev', `#!/bin/sh\necho "$@" >>${scratch}/blockdev.log\n`);
    await chmod(join(scratch, 'bin/blockdev'), 0o755);
  });

  /** Whether the disk was taken for a customer's, and what blockdev was told to do. */
  async function ask(port = PORT): Promise<{ marked: boolean; told: string }> {
    const env = {
      PATH: `${scratch}/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
      DEVNAME: '/dev/sdb',
      DEVPATH: DISK,
      ID_PATH: port,
    };
    const { stdout } = await run(HELPER, [scratch], { env });
    const told = await readFile(join(scratch, 'blockdev.log'), 'utf8').catch(() => '');
    return { marked: stdout === 'DRIVE_STATION_BAY=1\n', told: told.trim() };
  }
  const untouched = { marked: false, told: '' };
  const taken = { marked: true, told: '--setro /dev/sdb' };

  it('make a disk read-only and mark it', async () => {
    await expect(ask()).resolves.toEqual(taken);
  });

  it('let the daemon set two time-outs of the kernel, and nothing else', async () => {
    const scsi = dirname(dirname(DISK));
    const host = '/devices/pci0000:00/usb2/2-3/host6/scsi_host/host6';
    const granted = [`sys${scsi}/timeout`, `sys${host}/eh_deadline`];
    const others = [`sys${scsi}/queue_depth`, `sys${host}/scan`];
    for (const file of [...granted, ...others]) await put(file, '30\n');
    for (const file of [...granted, ...others]) await chmod(join(scratch, file), 0o644);
    await symlink(join(scratch, `sys${scsi}`), join(scratch, `sys${DISK}/device`));
    await put('bin/chgrp', `#!/bin/sh\necho "$@" >>${scratch}/chgrp.log\n`);
    await chmod(join(scratch, 'bin/chgrp'), 0o755);
    await expect(ask()).resolves.toEqual(taken);

    const log = (await readFile(join(scratch, 'chgrp.log'), 'utf8')).trim().split('\n');
    expect(log.map((line) => line.split(' ')[0])).toEqual(['drive-station', 'drive-station']);
    const modes = async (files: readonly string[]) =>
      await Promise.all(files.map(async (file) => (await stat(join(scratch, file))).mode & 0o777));
    await expect(modes(granted)).resolves.toEqual([0o664, 0o664]);
    await expect(modes(others)).resolves.toEqual([0o644, 0o644]);
  });

  it('are served with an environment as bare as that of udev', async () => {
    const DEVNAME = '/dev/drive-station-no-such-disk';
    const env = { DEVNAME, DEVPATH: DISK, ID_PATH: PORT };
    // No shell of ours in between: it would bring a PATH.
    const { stdout, stderr } = await run('/usr/bin/env', ['-u', 'PATH', HELPER, scratch], { env });
    expect(stdout).toBe('DRIVE_STATION_BAY=1\n');
    expect(stderr).toMatch(new RegExp(`^blockdev: .*${DEVNAME}`, 'u'));
  });

  it('are none until they are listed', async () => {
    await rm(join(scratch, 'etc/drive-station/ingest-bays'));
    await expect(ask()).resolves.toEqual(untouched);
    const shipped = await readFile(join(FOLDER, 'ingest-bays'), 'utf8');
    await put('etc/drive-station/ingest-bays', shipped);
    await expect(ask()).resolves.toEqual(untouched);
  });

  it('are matched whole: neither a part of a path nor a pattern is one', async () => {
    await put('etc/drive-station/ingest-bays', 'pci-0000:00:14.0-usb-0:3\n*\npci-*\n.*\n');
    await expect(ask()).resolves.toEqual(untouched);
    await put('etc/drive-station/ingest-bays', PORT);
    await expect(ask(`${PORT}1`)).resolves.toEqual(untouched);
    await expect(ask()).resolves.toEqual(taken);
  });

  it.each([
    ['the disk is mounted', '30 22 8:16 / /data rw - ext4 /dev/sdb rw\n'],
    ['a partition is mounted', '30 22 8:17 / /data rw - xfs /dev/sdb1 rw\n'],
    ['btrfs on it is mounted', '30 22 0:40 /@ /data rw shared:9 - btrfs /dev/sdb1 rw,space\n'],
  ])('never are of a disk of the system: %s', async (_, line) => {
    await put('proc/1/mountinfo', line);
    await expect(ask()).resolves.toEqual(untouched);
  });

  it('never are of a disk of the system: swap, or a device on top', async () => {
    await put('proc/swaps', 'Filename Type\n/dev/sdb1 partition 1 0 -2\n');
    await expect(ask()).resolves.toEqual(untouched);
    await put('proc/swaps', 'Filename Type\n/dev/sdb11 partition 1 0 -2\n');
    await put(`sys${DISK}/sdb1/holders/dm-0`, '');
    await expect(ask()).resolves.toEqual(untouched);
    await rm(join(scratch, `sys${DISK}/sdb1/holders/dm-0`));
    await expect(ask()).resolves.toEqual(taken);
  });

  it.each(['sys/fs/ext4/sdb1/state', 'sys/fs/btrfs/6b1f/devices/sdb'])(
    'never are of a disk of the system: a mount that only %s shows',
    async (file) => {
      await put(file, '');
      await expect(ask()).resolves.toEqual(untouched);
    },
  );

  it('are none while nobody can say what the system uses', async () => {
    await rm(join(scratch, 'proc/1/mountinfo'));
    await expect(ask()).resolves.toEqual(untouched);
  });
});

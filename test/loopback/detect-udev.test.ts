import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { countersOf, LoopBench, succeeds, whyNoLoopDevices } from './detect-bench.ts';
import { type ProbeLine, type ProbeOptions, probeLineSchema } from './detect-probe-wire.ts';

const UDEVD = '/usr/lib/systemd/systemd-udevd';
const PROBE = fileURLToPath(new URL('detect-probe.ts', import.meta.url));
const DAY_MS = 24 * 3600 * 1000;

const noLoop = await whyNoLoopDevices();
const noUdev = noLoop ?? (await whyNoUdev());

async function whyNoUdev(): Promise<string | undefined> {
  const exists = await access(UDEVD).then(
    () => true,
    () => false,
  );
  if (!exists || !(await succeeds('udevadm', ['--version']))) return 'udev is not installed';
  return (await succeeds('unshare', ['-m', '-n', 'true']))
    ? undefined
    : 'no private namespaces here';
}

/**
 * udevd of our own in a private mount and network namespace, with no rules but ours: the machine's
 * device nodes, links and disks are left alone, and no rule makes it read a disk.
 */
const IN_NAMESPACE = `
set -e
mkdir -p /run/udev /dev/disk
for place in /run/udev /dev/disk /usr/lib/udev/rules.d /etc/udev; do
  [ -d "$place" ] && mount -t tmpfs none "$place"
done
mkdir -p /run/udev/rules.d
printf '%s\\n' "$RULE" > /run/udev/rules.d/50-ours.rules
${UDEVD} >/dev/null 2>&1 </dev/null & UDEVD_PID=$!
trap 'kill $UDEVD_PID; wait $UDEVD_PID || true' EXIT
tries=0
until udevadm control --ping 2>/dev/null; do tries=$((tries + 1)); [ $tries -lt 1000 ]; sleep 0.05; done
"$@"
`;

interface Probe {
  readonly child: ChildProcess;
  readonly lines: ProbeLine[];
  last(): Extract<ProbeLine, { kind: 'facts' }> | undefined;
}

interface ProbeSetting {
  /** Runs the probe beside an udevd of its own that has this rule. */
  readonly udevRule?: string;
  /** Looked into for tools before the system's directories. */
  readonly toolDirectory?: string;
}

function startProbe(
  bench: LoopBench,
  options: Partial<ProbeOptions>,
  { udevRule, toolDirectory }: ProbeSetting = {},
): Probe {
  const whole = {
    loopbackDirectory: bench.directory,
    stateDirectory: bench.directory,
    settleMs: 100,
    scanIntervalMs: DAY_MS,
    safetyScanIntervalMs: DAY_MS,
    bays: {},
    ...options,
  };
  const node = [process.execPath, '--disable-warning=ExperimentalWarning', PROBE];
  const probe = [...node, JSON.stringify(whole)];
  const isolated = ['unshare', '-m', '-n', '--propagation', 'private', 'sh', '-c', IN_NAMESPACE];
  const [command = '', ...args] = udevRule === undefined ? probe : [...isolated, 'sh', ...probe];
  const path = [toolDirectory, process.env.PATH].filter((part) => part !== undefined).join(':');
  const env = { ...process.env, PATH: path, RULE: udevRule ?? '' };
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'], env });
  const lines: ProbeLine[] = [];
  createInterface({ input: child.stdout }).on('line', (line) =>
    lines.push(probeLineSchema.parse(JSON.parse(line))),
  );
  onTestFinished(async () => void (await endOf({ child })));
  return { child, lines, last: () => lines.filter((line) => line.kind === 'facts').at(-1) };
}

/** Ends the probe's input and waits; a probe that left something running does not end. */
async function endOf({ child }: Pick<Probe, 'child'>): Promise<number | null> {
  if (child.exitCode !== null) return child.exitCode;
  const ended = once(child, 'close', { signal: AbortSignal.timeout(60_000) });
  child.stdin?.end();
  await ended;
  return child.exitCode;
}

const reason = noUdev === undefined ? '' : ` (${noUdev})`;

describe.skipIf(noUdev !== undefined)(`detection by udev events${reason}`, () => {
  it('sees a plug and a pull by the event alone, with what the rules say', async () => {
    const bench = await LoopBench.create();
    onTestFinished(() => bench[Symbol.asyncDispose]());
    const ours = `KERNEL=="loop*", ATTR{loop/backing_file}=="${bench.directory}/*"`;
    const rule = `${ours}, ENV{ID_BUS}="usb", ENV{ID_SERIAL_SHORT}="FROM-UDEV"`;
    const probe = startProbe(bench, {}, { udevRule: rule });
    await expect.poll(() => probe.last()?.mode).toBe('udev');

    const disk = await bench.plug('event', { serial: 'FROM-FILE' });
    const before = await countersOf(disk);
    const key = `loop-${disk.name}#${disk.diskseq}`;
    const loop = () => probe.last()?.disks.find((found) => found.key === key);
    await expect
      .poll(() =>
        loop()
          ?.identity.serials.map(({ raw }) => raw)
          .sort(),
      )
      .toEqual(expect.arrayContaining(['FROM-FILE', 'FROM-UDEV']));
    expect(await countersOf(disk)).toEqual(before);

    await bench.unplug(disk);
    await expect.poll(loop).toBeUndefined();
    expect(await endOf(probe)).toBe(0);
    expect(probe.lines.at(-1)).toEqual({ kind: 'closed' });
    const said = probe.lines.flatMap((line) => (line.kind === 'log' ? [line.message] : []));
    expect(said).toContain('udev events are the trigger of detection');
  });
});

describe.skipIf(noLoop !== undefined)(`a detector process${noLoop ? ` (${noLoop})` : ''}`, () => {
  it('says which kind of detection is active, and ends by itself when it is closed', async () => {
    const bench = await LoopBench.create();
    onTestFinished(() => bench[Symbol.asyncDispose]());
    const probe = startProbe(bench, { scanIntervalMs: 100 });
    await expect.poll(() => probe.last()?.known).toBe(true);
    const mode = probe.last()?.mode;
    const said = probe.lines.flatMap((line) => (line.kind === 'log' ? [line.message] : []));
    expect(said).toContain(
      mode === 'udev'
        ? 'udev events are the trigger of detection'
        : 'udev is not running; disks are scanned for periodically',
    );
    expect(await endOf(probe)).toBe(0);
    expect(probe.lines.at(-1)).toEqual({ kind: 'closed' });
  });

  it('gives facts without lsblk when lsblk hangs, and leaves nothing of it behind', async () => {
    const bench = await LoopBench.create();
    onTestFinished(() => bench[Symbol.asyncDispose]());
    const toolDirectory = join(bench.directory, 'tools');
    await mkdir(toolDirectory);
    const hanging = `#!/bin/sh\necho $$ >> ${bench.directory}/hung\nexec sleep 600\n`;
    await writeFile(join(toolDirectory, 'lsblk'), hanging, { mode: 0o755 });
    await writeFile(join(bench.directory, 'hung'), '', { mode: 0o666 });
    await chmod(bench.directory, 0o755);
    await chmod(join(bench.directory, 'hung'), 0o666);
    const disk = await bench.plug('sick', { serial: 'SICK' });
    const probe = startProbe(bench, { scanIntervalMs: 100 }, { toolDirectory });
    const seen = () => probe.last()?.disks.some((found) => found.devicePath === disk.device);
    await expect.poll(seen).toBe(true);
    const said = probe.lines.flatMap((line) => (line.kind === 'log' ? [line.message] : []));
    expect(said).toContain('the disks could not be enumerated; sysfs goes on alone');
    const pids = (await readFile(join(bench.directory, 'hung'), 'utf8')).trim().split('\n');
    expect(pids.length).toBeGreaterThan(0);
    for (const pid of pids) await expect.poll(() => isSleeping(pid)).toBe(false);
    expect(await endOf(probe)).toBe(0);
  });
});

async function isSleeping(pid: string): Promise<boolean> {
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return command === 'sleep\u0000600\u0000';
}

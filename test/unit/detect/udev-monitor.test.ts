import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { UdevEvent } from '../../../src/detect/udev-events.ts';
import { UdevMonitor } from '../../../src/detect/udev-monitor.ts';
import { recordingOf } from './recorded-machine.ts';

const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** A monitor on a stand-in for udevadm, a real child process that runs the script. */
async function monitorOn(script: string, udevRuns = true) {
  const directory = await mkdtemp(join(tmpdir(), 'drive-station-udev-'));
  const command = join(directory, 'udevadm');
  const controlSocket = join(directory, 'control');
  await writeFile(command, `#!/bin/sh\n${script.replaceAll('DIR', directory)}\n`);
  await chmod(command, 0o755);
  if (udevRuns) await writeFile(controlSocket, '');
  const events: UdevEvent[] = [];
  const states: boolean[] = [];
  const monitor = new UdevMonitor(
    { command, controlSocket, retryMinMs: 20, retryMaxMs: 50 },
    {
      logger: silent,
      onEvent: (event) => events.push(event),
      onStateChange: (listening) => states.push(listening),
    },
  );
  onTestFinished(async () => {
    await monitor.close();
    await rm(directory, { recursive: true, force: true });
  });
  return { monitor, events, states, controlSocket };
}

const recording = fileURLToPath(recordingOf('usb-storage', 'mon.txt'));

describe('listening to udev', () => {
  it('passes events on and listens as soon as the banner is there', async () => {
    const { monitor, events, states } = await monitorOn(`cat ${recording}; exec sleep 60`);
    await monitor.start();
    expect(monitor.listening).toBe(true);
    await expect.poll(() => events.some(({ devpath }) => devpath.endsWith('/sda3'))).toBe(true);
    expect(states).toEqual([true]);
  });

  it('starts the tool again when it ends, and says that events were missed', async () => {
    const script = 'echo banner; [ -e DIR/again ] && exec sleep 60; touch DIR/again';
    const { monitor, states } = await monitorOn(script);
    await monitor.start();
    await expect.poll(() => states).toEqual([true, false, true]);
    expect(monitor.listening).toBe(true);
  });

  it('does not listen while udevd is not running, and begins when it starts', async () => {
    const { monitor, states, controlSocket } = await monitorOn('echo banner; exec sleep 60', false);
    await monitor.start();
    expect(monitor.listening).toBe(false);
    await writeFile(controlSocket, '');
    await expect.poll(() => states).toEqual([true]);
  });

  it('does not listen where there is no such tool', async () => {
    const { monitor } = await monitorOn('exit 1');
    await monitor.start();
    expect(monitor.listening).toBe(false);
  });

  it('leaves nothing running when it is closed', async () => {
    const { monitor, events } = await monitorOn('echo banner; exec cat /dev/zero');
    await monitor.start();
    await monitor.close();
    expect(events).toEqual([]);
    await monitor.close();
  });
});
